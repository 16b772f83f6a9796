"""Dead letters: looked at without their buyers, and redriven. For every front end."""

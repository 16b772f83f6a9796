"""Dead letters: looked at without their buyers, and driven again. For every front end."""

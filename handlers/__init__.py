"""What happens when a message arrives: from its bytes to the decisions that are stored."""

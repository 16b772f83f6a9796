"""Replays: orders judged again because an operator asks. For every front end; prints nothing."""

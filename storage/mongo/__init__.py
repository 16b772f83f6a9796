"""The storage port, and the readers for people, on MongoDB."""

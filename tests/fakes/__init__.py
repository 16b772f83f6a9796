"""Fakes: what tests use in the place of a server."""

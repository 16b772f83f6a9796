"""Decisions: pure functions from order, settings and facts to a decision."""

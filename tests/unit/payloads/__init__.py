"""Tests of `handlers.payloads`."""

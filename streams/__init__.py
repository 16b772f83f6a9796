"""Faust: topics, agents and the transport that never loses an event."""

"""Kafka and Faust: the app, a transport that never loses an event, processors, and publishing."""

"""The operators' web console: rendered on the server, and readable without JavaScript.

It changes no order itself: it publishes reference data and commands to Kafka.
"""

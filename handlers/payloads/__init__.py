"""Parsing: every accepted Amazon payload becomes a `models.amazon_order.AmazonOrder`."""

from handlers.payloads.reader import MAX_BYTES, read_payload
from handlers.payloads.result import ParseResult

__all__ = ["MAX_BYTES", "ParseResult", "read_payload"]

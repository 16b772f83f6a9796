"""Every accepted Amazon payload, read into one form: `models.amazon_order.AmazonOrder`."""

from handlers.payloads.reader import MAX_BYTES, read_payload
from handlers.payloads.result import ParseResult

__all__ = ["MAX_BYTES", "ParseResult", "read_payload"]

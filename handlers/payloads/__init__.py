"""Every accepted Amazon payload, read into one form: `models.amazon_order.AmazonOrder`."""

from handlers.payloads.payload import MAX_BYTES, read_payload
from handlers.payloads.reading import Reading

__all__ = ["MAX_BYTES", "Reading", "read_payload"]

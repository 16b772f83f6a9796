"""What was understood of one message."""

from models.amazon_order import AmazonOrder
from models.base import Value
from models.refusals import Rejection


class ParseResult(Value):
    """The orders of one message, and why it, or a part of it, was not understood.

    Both may be there: a page with one bad order gives the good ones and names the bad one.
    Neither is there for an empty page, which is understood and says nothing.
    """

    orders: tuple[AmazonOrder, ...] = ()
    """In the order of the payload."""
    refusal: Rejection | None = None
    """Why the message goes to the dead letters too."""

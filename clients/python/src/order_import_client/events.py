"""The events, and how a Kafka message becomes one.

Nothing that arrives raises an error: an event of an unknown type, or one that does not fit its
type, becomes an `UnknownEvent` with the data as it was sent.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr, ValidationError

from order_import_client.values import (
    Amount,
    BlockerCode,
    ChargeKind,
    CommerceStatus,
    FulfillmentChannel,
    Moment,
    Money,
    Open,
    Received,
    SkipReason,
    decode_headers,
)

COMMERCE_ORDERS = "commerce.orders"
BLOCKED = "amazon.orders.blocked"
NOT_IMPORTED = "amazon.orders.not-imported"
EVENT_TOPICS = (COMMERCE_ORDERS, BLOCKED, NOT_IMPORTED)
"""The topics with events, without the prefix of an installation."""

_EXACT = 102
"""More digits than any sum of an order's amounts has."""
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where an event came from: its place on Kafka, and its headers as text."""

    topic: str = ""
    partition: int = -1
    offset: int = -1
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)

    @property
    def source(self) -> str:
        """The installation that sent it, `ce_source`: an `event_id` is unique within it."""
        return self.headers.get("ce_source", "")

    @property
    def event_id(self) -> str:
        """The event's id, `ce_id`: a duplicate has the same."""
        return self.headers.get("ce_id", "")

    @property
    def dataschema(self) -> str:
        """The JSON Schema of its value and that schema's version, `ce_dataschema`."""
        return self.headers.get("ce_dataschema", "")

    @property
    def traceparent(self) -> str | None:
        """W3C's trace context, for messages that follow from this one."""
        return self.headers.get("traceparent")

    @property
    def tracestate(self) -> str | None:
        """W3C's vendor part of the trace context."""
        return self.headers.get("tracestate")


class Event(Received):
    """Any event."""

    topic: ClassVar[str] = ""
    """The topic of this type of event, without a prefix."""

    event_type: str

    _envelope: Envelope = PrivateAttr(default_factory=Envelope)

    @property
    def envelope(self) -> Envelope:
        """Where it came from."""
        return self._envelope


class UnknownEvent(Event):
    """An event of an unknown type, or one that does not fit its type.

    `data` is the parsed JSON, None if it is none; `raw` is the message's value. `problem` says what
    does not fit; it is None if only the type is unknown.
    """

    data: Any = None
    raw: bytes | None = None
    problem: str | None = None


class EventCause(Received):
    """The Kafka message that caused an event."""

    topic: str
    partition: int
    offset: int


class OrderEvent(Event):
    """An event of one order. None has a buyer's name, address, phone or e-mail."""

    event_id: str
    schema_version: int = 1
    occurred_at: Moment
    store_id: str
    amazon_order_id: str
    sequence: int = Field(ge=1)
    """1, 2, 3 … for each order, over all event types and topics."""
    cause: EventCause

    @property
    def key(self) -> str:
        """`store/order`, the key on Kafka."""
        return f"{self.store_id}/{self.amazon_order_id}"


class Component(Received):
    """What one piece of a line contains: a product of the catalog, and how many of it."""

    sku: str
    quantity: int


class TaxCollection(Received):
    """Who collects the tax of a line, and under which scheme, in Amazon's words."""

    model: str | None = None
    responsible_party: str | None = None
    scheme: str | None = None
    ioss_number: str | None = None


class Line(Received):
    """A line of a Commerce order. `price` and `tax` are for the whole line."""

    order_item_id: str
    seller_sku: str | None = None
    sku: str | None = None
    asin: str | None = None
    title: str | None = None
    quantity: int
    price: Money | None = None
    tax: Money | None = None
    tax_collection: TaxCollection | None = None
    buyer_requested_cancel: bool = False
    components: tuple[Component, ...] = ()
    """The products of a kit or multipack, as they were when the order was created."""


class Charge(Received):
    """What is paid besides the prices of the lines. The amount of a discount is negative."""

    kind: Open[ChargeKind | str]
    amount: Money
    tax: Money | None = None
    order_item_id: str | None = None
    """The line, if the charge belongs to one."""


class CommerceOrderBody(OrderEvent):
    """A whole Commerce order, as it is when the event occurs."""

    topic: ClassVar[str] = COMMERCE_ORDERS

    commerce_order_id: str
    order_number: str
    status: Open[CommerceStatus | str]
    currency: str | None = None
    total: Amount | None = None
    fulfillment_channel: Open[FulfillmentChannel | str]
    purchase_date: Moment
    latest_ship_date: Moment | None = None
    shipping_service: str | None = None
    stock_id: str | None = None
    lines: tuple[Line, ...]
    charges: tuple[Charge, ...] = ()
    prices_include_tax: bool | None = None
    """Whether prices and charges include their taxes; if not, the taxes are added."""
    unexplained: Amount | None = None
    """The part of the total that lines and charges do not explain, by Amazon's own numbers."""
    programs: tuple[str, ...] = ()
    purchase_order_number: str | None = None
    buyer_requested_cancel: bool = False
    address_known: bool | None = None

    @property
    def sum_of_parts(self) -> Decimal:
        """The prices of the lines, the charges, their taxes, and what is unexplained.

        It is the total, to the last digit, if Amazon has told one.
        """
        priced = [
            *((line.price, line.tax) for line in self.lines),
            *((charge.amount, charge.tax) for charge in self.charges),
        ]
        amounts = [amount for amount, _ in priced]
        taxes = [] if self.prices_include_tax else [tax for _, tax in priced]
        with localcontext(prec=_EXACT):
            return sum(
                (
                    money.amount
                    for money in (*amounts, *taxes)
                    if money is not None and money.currency == self.currency
                ),
                self.unexplained or Decimal(0),
            )


class CommerceOrderCreated(CommerceOrderBody):
    """A Commerce order was created."""

    replayed: bool = False


class FieldChange(Received):
    """One changed field of a Commerce order."""

    field: str
    order_item_id: str | None = None
    from_: Open[Money | Any] = Field(default=None, alias="from")
    to: Open[Money | Any] = None


class CommerceOrderAmended(CommerceOrderBody):
    """A later message from Amazon changed a created order: its current state, and the changes."""

    changes: tuple[FieldChange, ...] = ()


class CommerceOrderCancellationRequested(OrderEvent):
    """The buyer asks to cancel lines of a created order. This alone cancels nothing."""

    topic: ClassVar[str] = COMMERCE_ORDERS

    commerce_order_id: str
    requested_by: str
    reason: str | None = None
    order_item_ids: tuple[str, ...]


class CommerceOrderStatusChanged(OrderEvent):
    """The status of a Commerce order has changed."""

    topic: ClassVar[str] = COMMERCE_ORDERS

    commerce_order_id: str
    from_: Open[CommerceStatus | str] = Field(alias="from")
    to: Open[CommerceStatus | str]


class Blocker(Received):
    """One cause that stands in the way, for one product, with its remedy."""

    code: Open[BlockerCode | str]
    seller_sku: str | None = None
    sku: str | None = None
    asin: str | None = None
    order_item_ids: tuple[str, ...] = ()
    required: int | None = None
    available: float | None = None
    remedy: str = ""
    stock_id: str | None = None
    """The stock that has not enough units."""
    similar_sku: str | None = None


class OrderImportBlocked(OrderEvent):
    """An order cannot be imported, with every cause."""

    topic: ClassVar[str] = BLOCKED

    blockers: tuple[Blocker, ...]
    purchase_date: Moment | None = None
    latest_ship_date: Moment | None = None
    total: Money | None = None


class OrderImportReleased(OrderEvent):
    """A blocked order became a Commerce order."""

    topic: ClassVar[str] = BLOCKED

    commerce_order_id: str
    blocked_since: Moment


class OrderImportWithdrawn(OrderEvent):
    """A blocked order will never be imported."""

    topic: ClassVar[str] = BLOCKED

    reason: Open[SkipReason | str]


class OrderImportSkipped(OrderEvent):
    """An order is not imported."""

    topic: ClassVar[str] = NOT_IMPORTED

    reason: Open[SkipReason | str]


EVENT_TYPES: Mapping[str, type[OrderEvent]] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            CommerceOrderCreated,
            CommerceOrderAmended,
            CommerceOrderStatusChanged,
            CommerceOrderCancellationRequested,
            OrderImportBlocked,
            OrderImportReleased,
            OrderImportWithdrawn,
            OrderImportSkipped,
        )
    }
)
"""All types of events by name."""


def read_event(
    value: bytes | None,
    headers: Iterable[tuple[str, bytes | None]] | None = None,
    *,
    topic: str = "",
    partition: int = -1,
    offset: int = -1,
) -> Event:
    """Return the event in a Kafka message, whatever it holds. Never raises."""
    envelope = Envelope(topic, partition, offset, decode_headers(headers))
    event = _read(value, envelope.headers.get("ce_type"))
    event._envelope = envelope  # noqa: SLF001 - the model's own private attribute
    return event


def _read(value: bytes | None, named: str | None) -> Event:
    try:
        data = None if value is None else json.loads(value)
    except (ValueError, RecursionError):
        return UnknownEvent(event_type=named or "", raw=value, problem="not JSON")
    said = data.get("event_type") if isinstance(data, dict) else None
    event_type = named or (said if isinstance(said, str) else "")
    kind = EVENT_TYPES.get(event_type)
    if kind is None:
        return UnknownEvent(event_type=event_type, data=data, raw=value)
    if not isinstance(data, dict):
        return UnknownEvent(event_type=event_type, data=data, raw=value, problem="not an object")
    try:
        return kind.model_validate({**data, "event_type": event_type})
    except ValidationError as error:
        return UnknownEvent(event_type=event_type, data=data, raw=value, problem=_describe(error))


def _describe(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"

"""Commerce orders: the orders in Commerce, their lines, and the units they reserve."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from models.amazon_order import FulfillmentChannel, OrderItem, order_balance, order_charges
from models.charges import Balance, Charge
from models.keys import DEFAULT_STOCK, order_key
from models.money import Money
from models.reference_data import CommerceStatus, Component, CountsOrdersFrom, Match, units_of


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units of one product that a Commerce order keeps from others (rule 10)."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class PendingReservation:
    """Units that an order reserves in one stock before it can be imported (rule 25).

    `news_at` is when its last message was received: without news, it lapses.
    """

    stock_id: str
    reservations: tuple[Reservation, ...]
    news_at: datetime


@dataclass(frozen=True, slots=True)
class CommerceLine:
    """A line of a Commerce order: the Amazon line and what it stood for when it became one.

    That is a catalog SKU or, of a kit or multipack, its components.
    """

    item: OrderItem
    match: Match

    @property
    def sku(self) -> str | None:
        """The catalog SKU; None of a kit or multipack."""
        return self.match if isinstance(self.match, str) else None

    @property
    def components(self) -> tuple[Component, ...]:
        """The components of a kit or multipack."""
        return () if isinstance(self.match, str) else self.match

    @property
    def units(self) -> Iterable[tuple[str, int]]:
        """The catalog SKUs that the line needs, each with the units of all its pieces."""
        quantity = self.item.quantity
        return ((sku, units * quantity) for sku, units in units_of(self.match))


@dataclass(frozen=True, slots=True)
class CommerceOrder:
    """An order in Commerce, made from one Amazon order.

    `lines` are as they are now: a removed line stays without units, and every line keeps its
    original product. `reservations` are the units that the order still keeps from other orders:
    removed when it is canceled, reduced when it is amended, and removed product by product as
    Commerce's own count includes them. `acknowledged_at` is when Commerce first sent an update of
    the order, `updated_at` when it last did. `grown_at` is when more units were last reserved: the
    order is not acknowledged until Commerce sends an update from then on. `shipped_at` is when
    Commerce shipped it, by its own update; `completed_at` when it became complete, whoever said so.
    `stock_id` is the stock that it reserves in, even if its store has another one by now. `charges`
    are those that belong to no line.
    """

    commerce_order_id: str
    order_number: str
    store_id: str
    amazon_order_id: str
    status: CommerceStatus
    fulfillment_channel: FulfillmentChannel
    purchase_date: datetime
    total: Money | None
    lines: tuple[CommerceLine, ...]
    reservations: tuple[Reservation, ...]
    buyer_requested_cancel: bool
    replayed: bool
    created_at: datetime
    stock_id: str = DEFAULT_STOCK
    address_known: bool = False
    charges: tuple[Charge, ...] = ()
    programs: tuple[str, ...] = ()
    purchase_order_number: str | None = None
    latest_ship_date: datetime | None = None
    shipping_service: str | None = None
    acknowledged_at: datetime | None = None
    updated_at: datetime | None = None
    grown_at: datetime | None = None
    shipped_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def key(self) -> str:
        """`store/order` of its Amazon order."""
        return order_key(self.store_id, self.amazon_order_id)

    def counted_from(self, setting: CountsOrdersFrom) -> datetime | None:
        """Return from when on Commerce's counts leave its units out; None if not yet (rule 26)."""
        match setting:
            case CountsOrdersFrom.ACKNOWLEDGED:
                return self.acknowledged_at
            case CountsOrdersFrom.SHIPPED:
                if self.acknowledged_at is None or self.shipped_at is None:
                    return None
                return max(self.acknowledged_at, self.shipped_at)
            case CountsOrdersFrom.NEVER:
                return self.completed_at

    @property
    def may_be_counted(self) -> bool:
        """Whether Commerce's counts may leave its units out, whatever its store's setting."""
        return self.acknowledged_at is not None or self.completed_at is not None

    @property
    def currency(self) -> str | None:
        """The currency of the total, else the one that all prices share, else None."""
        if self.total is not None:
            return self.total.currency
        currencies = {
            line.item.price.currency for line in self.lines if line.item.price is not None
        }
        return currencies.pop() if len(currencies) == 1 else None

    @property
    def balance(self) -> Balance:
        """How lines with units and charges add up to the total."""
        return order_balance(self.total, [line.item for line in self.lines], self.charges)

    @property
    def all_charges(self) -> tuple[tuple[Charge, str | None], ...]:
        """The charges of lines with units, each with its line's id, and those of the order."""
        return order_charges([line.item for line in self.lines], self.charges)

"""Whatever bodies say of an order, and in whatever order they arrive, it is stored in the end."""

from functools import reduce
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.merge import merge, new_order
from models.amazon_order import (
    Address,
    AmazonOrder,
    AmazonStatus,
    Buyer,
    ChargesTold,
    FulfillmentChannel,
)
from models.charges import Charge, ChargeKind
from tests.builders import ORDER, PURCHASED, STORE, an_item, later, money

IDS = ("item-1", "item-2", "item-3")
TIMES = st.sampled_from((None, 1, 2, 3, 4))
"""Few, so that some are the same. What a body tells of a time is always the same."""


def a_body(
    at: int | None,
    status: AmazonStatus | None,
    form: str,
    sent: set[str],
    lines: set[str],
    request: bool | None,
    told: ChargesTold = ChargesTold.ALL,
    wrapped: bool = False,
) -> AmazonOrder:
    """A body of Amazon's about one order; a notification has neither prices nor details."""
    number = at or 0
    notified = form == "notification"
    details: dict[str, Any] = {
        "total": money(str(number)),
        "buyer": Buyer(email=f"{number}@example.org"),
        "ship_to": Address(name="Name", city=str(number)),
        "latest_ship_date": later(100 + number),
        "purchase_date": PURCHASED,
        "fulfillment_channel": FulfillmentChannel.MFN,
        "programs": (f"PROGRAM-{number}",),
        "items_expected": number + 1,
    }
    kinds = (ChargeKind.SHIPPING, *((ChargeKind.GIFT_WRAP,) if wrapped else ()))
    charges = tuple(Charge(kind=kind, amount=money(str(number)), tax=None) for kind in kinds)
    unpriced: dict[str, Any] = (
        {"price": None, "tax": None, "title": None} if notified else {"charges": charges}
    )
    requested = {"buyer_requested_cancel": request}
    items = tuple(
        an_item(
            **(
                {"order_item_id": name, "quantity": number, "price": money(str(number))}
                | requested
                | unpriced
            )
        )
        for name in sorted(lines)
    )
    absent = {"total", "buyer", "ship_to", "latest_ship_date"} if notified else set()
    return AmazonOrder(
        amazon_order_id=ORDER,
        status=status,
        last_update_date=None if at is None else later(at),
        items=items,
        items_complete=form == "last page" and bool(items),
        is_notification=notified,
        buyer_requested_cancel=request,
        charges_told=told,
        **{name: value for name, value in details.items() if name in sent - absent},
    )


def merged_from(bodies: tuple[AmazonOrder, ...]) -> AmazonOrder:
    return reduce(merge, bodies[1:], new_order(STORE, bodies[0]))


sent_parts = st.sets(
    st.sampled_from(
        (
            *("total", "buyer", "ship_to", "latest_ship_date"),
            *("purchase_date", "fulfillment_channel", "programs", "items_expected"),
        )
    )
)
bodies = st.lists(
    st.builds(
        a_body,
        TIMES,
        st.sampled_from((None, *AmazonStatus)),
        st.sampled_from(("notification", "page", "last page")),
        sent_parts,
        st.sets(st.sampled_from(IDS)),
        st.sampled_from((None, False, True)),
    ),
    min_size=1,
    max_size=4,
)


def timed(body: AmazonOrder) -> bool:
    return body.last_update_date is not None and body.status is not None


@settings(max_examples=300)
@given(bodies)
def test_rule_15_nothing_that_was_told_is_missing_in_any_order_of_arrival(
    sent: list[AmazonOrder],
) -> None:
    # A request for lines that have no units is none for the order.
    apart = {"items", "clocks", "buyer_requested_cancel", "charges_told"}
    parts = [name for name in AmazonOrder.model_fields if name not in apart]
    for arrival in permutations(sent):
        order = merged_from(arrival)
        for name in parts:
            if any(getattr(body, name) not in {None, ()} for body in sent):
                assert getattr(order, name) not in {None, ()}, name
        named = {item.order_item_id for body in sent for item in body.items}
        assert {item.order_item_id for item in order.items} == named
        priced = {item.order_item_id for body in sent for item in body.items if item.price}
        assert {item.order_item_id for item in order.items if item.price} == priced


@settings(max_examples=300)
@given(bodies)
def test_rule_15_the_final_status_is_the_same_in_any_order_of_arrival(
    sent: list[AmazonOrder],
) -> None:
    dated = [body for body in sent if timed(body)]
    if dated:
        assert len({merged_from(arrival).status for arrival in permutations(dated)}) == 1


@settings(max_examples=300)
@given(bodies)
def test_rule_15_bodies_with_times_make_the_same_order_in_any_order_of_arrival(
    sent: list[AmazonOrder],
) -> None:
    """Of the same time, which of two contradicting bodies is right is not promised."""
    dated = {body.last_update_date: body for body in sent if timed(body)}.values()
    if dated:
        ends = [plain(merged_from(arrival)) for arrival in permutations(dated)]
        assert all(end == ends[0] for end in ends)


@given(
    st.lists(
        st.tuples(
            st.sampled_from((ChargesTold.ALL, ChargesTold.GIFT_WRAP_OPTIONAL)), st.booleans()
        ),
        min_size=2,
        max_size=4,
    )
)
def test_rule_15_gift_wrap_that_a_body_may_leave_out_is_the_same_in_any_order_of_arrival(
    charges: list[tuple[ChargesTold, bool]],
) -> None:
    sent = [
        a_body(at, AmazonStatus.UNSHIPPED, "page", set(), {IDS[0]}, None, *told)
        for at, told in enumerate(charges, 1)
    ]
    ends = [plain(merged_from(arrival)) for arrival in permutations(sent)]
    assert all(end == ends[0] for end in ends)
    said = [
        at for at, (told, wrapped) in enumerate(charges, 1) if wrapped or told is ChargesTold.ALL
    ]
    expected = said[-1] if said and charges[said[-1] - 1][1] else None
    [item] = ends[0].items
    wraps = [one.amount for one in item.charges or () if one.kind is ChargeKind.GIFT_WRAP]
    assert wraps == ([] if expected is None else [money(str(expected))])


def plain(order: AmazonOrder) -> AmazonOrder:
    """Return the order with its lines sorted: their order of arrival is not promised."""
    items = tuple(sorted(order.items, key=lambda item: item.order_item_id))
    return order.model_copy(update={"items": items})

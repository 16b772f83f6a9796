"""Histories at random: few names and few moments, so that everything meets everything."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from tests.model import messages as m

STORES = ("s1", "s1", "s1", "s1", "s2")
MISTYPED = ("s3", "s4")
"""Stores that orders are sent for by mistake; one of them is told now and then after all."""
ORDERS = ("o1", "o2", "o3", "o4", "o5")
SKUS = ("a", "b", "c")
CATALOG = ("a", "b", "x")
STOCKS = ("default", "default", "north")
INTEGRATED = 10
LATEST = 9
"""The last moment of an update, a count or a setting; ever so often two have the same."""
COUNTS_FROM = ("acknowledged", "acknowledged", "acknowledged", "shipped", "never")
AFTER_ALL = 7_000_000
"""A moment after all decisions, whenever that is: what Commerce says then is of all of them."""


def history(source: Random, length: tuple[int, int] = (5, 26)) -> list[m.AnyMessage]:
    """Mostly a store and products first, then whatever comes; now and then the same again."""
    told: list[m.AnyMessage] = []
    if source.random() < 0.85:
        told.append(
            m.StoreTold(
                "s1",
                INTEGRATED,
                imports=True,
                fba_requires_stock=True,
                updated=1,
                counts=source.choice(COUNTS_FROM),
                reserves=source.random() < 0.4,
            )
        )
        told.append(
            m.StoreTold(
                "s2",
                INTEGRATED,
                imports=True,
                fba_requires_stock=False,
                updated=1,
                stock=source.choice(STOCKS),
                counts=source.choice(COUNTS_FROM),
                reserves=source.random() < 0.4,
            )
        )
    told += [_product(source) for _ in range(source.randint(0, 5))]
    coming: list[m.News] = []
    for _ in range(source.randint(*length)):
        if coming and source.random() < 0.6:
            told.append(coming.pop(0))
        elif told and source.random() < 0.08:
            told.append(source.choice(told))
        elif not coming and source.random() < 0.15:
            coming = _flow(source, told)
        else:
            told.append(source.choice(_KINDS)(source, told))
    return [*told, *coming]


def _news(source: Random, told: Sequence[m.AnyMessage]) -> m.News:
    form = source.choice(
        ("document", "document", "document", "document", "v0", "v0", "items", "notification")
    )
    order = source.choice(ORDERS)
    store = _sent_for(source, order)
    lines = _lines(source)
    # What each form can tell, and only now and then does.
    told_more: dict[str, Any] = {}
    if form in {"document", "v0"}:
        told_more["total"] = source.choice((None, 10, 10, 20))
        told_more["address"] = source.choice((None, None, "x", "y"))
    if form == "document" and source.random() < 0.1:
        told_more["asked"] = source.random() < 0.7
    if form == "notification":
        lines = tuple(line._replace(price=None) for line in lines)
    if form == "items":
        complete = source.random() < 0.8
        return m.News(store, order, form, lines=lines, complete=complete)
    status = source.choice(
        ("Unshipped",) * 12
        + ("Pending", "Unfulfillable", "PartiallyShipped", "Shipped", "Shipped", "Canceled")
    )
    channel = source.choice(("MFN", "MFN", "MFN", "MFN", "AFN"))
    purchase = source.choice((INTEGRATED, 20, 20, 26, 30, 30, 40, 40, 40, INTEGRATED - 1))
    updated = source.randint(0, LATEST) if source.random() < 0.5 else _latest(order, told) + 1
    sold_on = source.choice((None, None, None, "Amazon", "Amazon", "Non-Amazon"))
    common = m.News(store, order, form, status, channel, purchase, updated)
    match form:
        case "document":
            without = source.choice(("lines", "channel", "purchase", *("",) * 17))
            return m.News(
                store,
                order,
                form,
                status,
                None if without == "channel" else channel,
                None if without == "purchase" else purchase,
                updated,
                lines=None if without == "lines" else lines,
                complete=without != "lines",
                sold_on=sold_on,
                **told_more,
            )
        case "v0":
            whole = source.random() < 0.5
            complete = whole and source.random() < 0.9
            expected = source.choice((None, None, None, 1, 2, 3))
            return m.News(
                store,
                order,
                form,
                status,
                channel,
                purchase,
                updated,
                expected,
                lines if whole else None,
                complete,
                sold_on=sold_on,
                **told_more,
            )
        case _:
            return common if source.random() < 0.3 else _with_lines(common, lines)


def _with_lines(news: m.News, lines: tuple[m.Line, ...]) -> m.News:
    return replace(news, lines=lines or None)


def _plain(source: Random, told: Sequence[m.AnyMessage]) -> m.News:
    """An order as most are: whole, ready, and for what others want too."""
    order = source.choice(ORDERS)
    price = source.choice((None, 10))
    lines = [m.Line("i1", source.choice("aab"), source.randint(1, 2), price)]
    if source.random() < 0.2:
        lines.append(m.Line("i2", source.choice("ab"), 1, price))
    purchase, updated = source.choice((INTEGRATED, 20, 30, 40)), _latest(order, told) + 1
    return m.News(
        _sent_for(source, order),
        order,
        "document",
        "Unshipped",
        "MFN",
        purchase,
        updated,
        lines=tuple(lines),
        complete=True,
        total=price,
    )


def _flow(source: Random, told: Sequence[m.AnyMessage]) -> list[m.News]:
    """What pollers and listeners send of one order of Amazon's, mostly as it happened."""
    order = source.choice(ORDERS)
    store, at = _home(order), _latest(order, told) + 1
    channel = source.choice(("MFN", "MFN", "MFN", "AFN"))
    ready = "Shipped" if channel == "AFN" else source.choice(("Unshipped", "Unshipped", "Shipped"))
    lines = _lines(source) or (m.Line("i1", "a", 1),)
    bare = tuple(line._replace(price=None, asked=None) for line in lines)
    priced = tuple(line._replace(price=source.choice((10, 10, 10, 20, None))) for line in bare)
    units = sum(line.quantity for line in lines) or None

    def body(form: str, status: str, updated: int, **fields: Any) -> m.News:
        return m.News(store, order, form, status, channel, 30, updated, **fields)

    def items(of: tuple[m.Line, ...], *, is_last: bool = True) -> m.News:
        return m.News(store, order, "items", lines=of, complete=is_last)

    pages = [items(priced)]
    if len(lines) > 1 and source.random() < 0.5:
        pages = [items(priced[:1], is_last=False), items(priced[1:])]
        source.shuffle(pages)
    # The notification of a change is told a moment later than the order's own last update.
    change = "notification" if source.random() < 0.7 else "item notification"
    announced = bare if change == "notification" else bare[:1]
    counts = units if source.random() < 0.7 else None
    flow = [
        body("v0", "Pending", at),
        body("notification", "Pending", at + 1, lines=bare),
        items(bare),
        body(change, ready, at + 4, lines=announced),
        body("v0", ready, at + 3, expected=counts, total=10, address="x"),
        *pages,
        body("v0", ready, at + 3, expected=counts, lines=priced, complete=True, total=10),
        body(change, "Canceled" if source.random() < 0.1 else ready, at + 5, lines=announced),
    ]
    flow = [one for one in flow if source.random() < 0.7]
    if source.random() < 0.5:
        source.shuffle(flow)
    return flow


def _adjusted(source: Random, told: Sequence[m.AnyMessage]) -> m.News:
    """Later news of an order that was told before: fewer units, a request, a price, an address."""
    earlier = [one for one in told if isinstance(one, m.News) and one.lines and one.status]
    if not earlier:
        return _plain(source, told)
    news = source.choice(earlier[-2:])
    lines = []
    for line in news.lines or ():
        quantity = max(0, line.quantity + source.choice((0, 0, -1, -1, -2, 1)))
        asked = source.choice((None, None, True, False))
        lines.append(line._replace(quantity=quantity, asked=asked))
    if source.random() < 0.1:
        lines.pop()
    changed: dict[str, Any] = {}
    if "notification" not in news.form:
        changed = {
            "total": source.choice((None, 10, 30)),
            "address": source.choice((None, "x", "y")),
        }
    return replace(
        news,
        status=source.choice(("Unshipped", "Unshipped", "Unshipped", "Shipped", "Canceled")),
        updated=_latest(news.order, told) + 1,
        lines=tuple(lines) or None,
        complete=news.complete and bool(lines),
        **changed,
    )


def _canceled(source: Random, told: Sequence[m.AnyMessage]) -> m.News:
    orders = [one.order for one in told if isinstance(one, m.News)]
    order = source.choice(orders or ORDERS)
    status = source.choice(("Canceled", "Canceled", "Shipped"))
    return m.News(_home(order), order, "v0", status, "MFN", 20, _latest(order, told) + 1)


def _home(order: str) -> str:
    return "s2" if order == "o4" else "s1"


def _sent_for(source: Random, order: str) -> str:
    """Its own store, mostly; else another one that is known, or one that is mistyped (rule 22)."""
    others = ("s1", "s2", *MISTYPED, *MISTYPED)
    return _home(order) if source.random() < 0.9 else source.choice(others)


def _latest(order: str, told: Sequence[m.AnyMessage]) -> int:
    times = [one.updated for one in told if isinstance(one, m.News) and one.order == order]
    return max((one for one in times if one is not None), default=0)


def _lines(source: Random) -> tuple[m.Line, ...]:
    count = source.choice((1, 1, 1, 1, 1, 2, 2, 2, 3, 0))
    items = ("i1", "i2", "i3")[:count]
    sellers = (*SKUS, "a", "a", "a", "b") if source.random() < 0.95 else (None,)
    return tuple(
        m.Line(
            item,
            source.choice(sellers),
            source.choice((1, 1, 1, 1, 2, 2, 3, 0)),
            source.choice((None, 10, 10, 20)),
            source.choice((*(None,) * 6, True, False)),
        )
        for item in items
    )


def _product(source: Random, _told: Sequence[m.AnyMessage] = ()) -> m.ProductTold:
    return m.ProductTold(
        source.choice(CATALOG),
        enabled=source.random() < 0.8,
        managed=source.random() < 0.85,
        quantity=source.randint(0, 4) if source.random() < 0.9 else None,
        as_of=source.choice((*range(LATEST + 1), AFTER_ALL)),
        disabled_for=(source.choice(STORES),) if source.random() < 0.1 else (),
    )


def _counted(source: Random, told: Sequence[m.AnyMessage]) -> m.StockTold:
    """What one stock has of a product, mostly newer than all before."""
    counts = [one.as_of for one in told if isinstance(one, (m.ProductTold, m.StockTold))]
    newest = max(counts, default=0) + 1
    return m.StockTold(
        source.choice(("default", "north", "north")),
        source.choice(CATALOG),
        source.randint(0, 5),
        as_of=newest if source.random() < 0.7 else source.randint(0, LATEST),
    )


def _restocked(source: Random, told: Sequence[m.AnyMessage]) -> m.ProductTold:
    """A fix that is newer than all before: what blocked orders wait for."""
    counts = [one.as_of for one in told if isinstance(one, m.ProductTold)]
    return m.ProductTold(
        source.choice(CATALOG),
        enabled=source.random() < 0.9,
        managed=source.random() < 0.9,
        quantity=source.randint(0, 6) if source.random() < 0.9 else None,
        as_of=max(counts, default=0) + 1,
    )


def _store(source: Random, told: Sequence[m.AnyMessage]) -> m.StoreTold:
    store = source.choice((*STORES, *STORES, MISTYPED[0]))
    earlier = [one for one in told if isinstance(one, m.StoreTold) and one.store == store]
    newest = max((one.updated for one in earlier), default=0) + 1
    return m.StoreTold(
        store,
        source.choice((INTEGRATED, INTEGRATED, INTEGRATED, INTEGRATED, INTEGRATED, 25)),
        imports=source.random() < 0.75,
        fba_requires_stock=source.random() < 0.6,
        updated=newest if source.random() < 0.8 else source.randint(0, LATEST),
        imports_others=source.random() < 0.4,
        stock=source.choice(STOCKS),
        # Always the same: the end does not show what was counted before it changed.
        counts=earlier[0].counts if earlier else source.choice(COUNTS_FROM),
        reserves=source.random() < 0.4,
    )


def _listing(source: Random, _told: Sequence[m.AnyMessage]) -> m.ListingTold:
    return m.ListingTold(
        source.choice(STORES), source.choice(SKUS), _stands_for(source), source.randint(0, 9)
    )


def _stands_for(source: Random) -> str | tuple[tuple[str, int], ...]:
    """A product, or a kit or multipack of one to three."""
    if source.random() < 0.6:
        return source.choice(CATALOG)
    skus = source.sample(CATALOG, source.choice((1, 1, 2, 3)))
    return tuple((sku, source.choice((1, 1, 2, 3))) for sku in skus)


def _update(source: Random, told: Sequence[m.AnyMessage]) -> m.UpdateTold:
    orders = [one.order for one in told if isinstance(one, m.News)]
    order = source.choice(orders or ORDERS)
    status = source.choice(("processing", "processing", "shipped", "complete", "canceled"))
    return m.UpdateTold(_home(order), order, status, source.choice((*range(13), AFTER_ALL)))


def _replay(source: Random, _told: Sequence[m.AnyMessage]) -> m.ReplayAsked:
    order = source.choice(ORDERS)
    return m.ReplayAsked(_home(order), order)


_KINDS: tuple[Callable[[Random, Sequence[m.AnyMessage]], m.AnyMessage], ...] = (
    *(_news,) * 7,
    *(_plain,) * 10,
    *(_adjusted,) * 5,
    *(_canceled,) * 2,
    *(_restocked,) * 3,
    *(_product,) * 2,
    lambda source, _: m.ProductGone(source.choice(CATALOG)),
    *(_counted,) * 4,
    lambda source, _: m.StockGone(source.choice(STOCKS), source.choice(CATALOG)),
    *(_store,) * 3,
    *(_listing,) * 3,
    lambda source, _: m.ListingGone(source.choice(STORES), source.choice(SKUS)),
    *(_update,) * 4,
    *(_replay,) * 2,
    lambda source, _: m.SyncAsked(source.choice(STORES)),
)

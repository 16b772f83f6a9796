"""Every index as plain data, with the query it serves."""

from typing import NamedTuple

from storage.documents.values import Document


class Index(NamedTuple):
    """An index of a collection. `only` limits it to some documents."""

    collection: str
    keys: list[tuple[str, int]]
    serves: str
    unique: bool = False
    only: Document | None = None


INDEXES = (
    Index(
        "amazon_orders",
        [("import.depends_on", 1), ("purchase_date", 1), ("_id", 1)],
        "the orders that depend on a fact, oldest purchase first",
        only={"import.depends_on": {"$exists": True}},
    ),
    Index(
        "amazon_orders",
        [("import.state", 1), ("purchase_date", 1), ("_id", 1)],
        "the orders in one state, oldest purchase first; merged over states, newest first",
    ),
    Index(
        "amazon_orders",
        [("import.state", 1), ("latest_ship_date", 1), ("_id", 1)],
        "blocked orders by ship-by date",
        only={"import.state": "blocked"},
    ),
    Index(
        "amazon_orders",
        [("store_id", 1), ("import.state", 1), ("purchase_date", 1), ("_id", 1)],
        "one store's orders in some states by purchase; the count of each state of each store",
    ),
    Index(
        "amazon_orders",
        [("amazon_order_id", 1)],
        "one order of each Amazon id in the whole installation; an order by that id alone",
        unique=True,
    ),
    Index(
        "amazon_orders",
        [("import.details_pending_since", 1), ("store_id", 1)],
        "the orders that wait for details longer than some time, of each store",
        only={"import.details_pending_since": {"$exists": True}},
    ),
    Index(
        "amazon_orders",
        [("import.reserves.news_at", 1)],
        "the orders that reserve units while they are pending, the longest without news first",
        only={"import.reserves.news_at": {"$exists": True}},
    ),
    Index(
        "amazon_orders",
        [("received_at", 1), ("_id", 1), ("store_id", 1)],
        "orders by receipt, and how many in each hour; the fields never change",
    ),
    Index(
        "commerce_orders",
        [("created_at", 1), ("store_id", 1)],
        "how many Commerce orders were created in each hour; the fields never change",
    ),
    Index(
        "products",
        [("normalized_sku", 1)],
        "the products whose SKU looks like one that is missing",
    ),
    Index("console_audit", [("at", -1), ("_id", -1)], "what was done through the console"),
    Index(
        "commerce_orders",
        [("amazon_order_id", 1)],
        "one Commerce order per Amazon order, in the whole installation and for ever",
        unique=True,
    ),
    Index(
        "commerce_orders",
        [("reservations.sku", 1)],
        "Commerce orders that still reserve a product, and that its counts may leave out",
        only={"may_be_counted": True},
    ),
    Index(
        "commerce_orders",
        [("status", 1), ("store_id", 1), ("_id", 1)],
        "Commerce orders that are shipped and not complete",
        only={"status": "shipped"},
    ),
    Index(
        "dead_letters",
        [("details_of", 1)],
        "details that came before their order",
        only={"details_of": {"$exists": True}},
    ),
    Index(
        "dead_letters",
        [("code", 1), ("at", -1), ("_id", -1)],
        "dead letters by code, newest first; merged over codes",
    ),
    Index("offset_resets", [("at", -1)], "checkpoints outside their logs, newest first"),
    Index("replays", [("state", 1), ("_id", -1)], "running replays, newest first"),
)

"""Invariants of orders: none lost, none twice, nothing oversold, each where it belongs."""

from collections import Counter, defaultdict

from tests.faults import oracle
from tests.faults.evidence import Document, Evidence
from tests.faults.oracle import READY
from tests.faults.verdict import Verdict


def no_loss(evidence: Evidence, verdict: Verdict) -> None:
    """I1, I10: each message has an outcome: its order knows it, or a dead letter has its bytes."""
    refused = refused_places(evidence)
    orders = evidence.database["amazon_orders"]
    for key, told in oracle.tell(evidence.topics["amazon.orders"], refused).items():
        order = orders.get(key)
        known = 0 if order is None else order["received"]
        line = f"{key}: {told.messages} told, {known} known"
        verdict.add("lost", line, max(0, told.messages - known))
        verdict.add("twice", line, max(0, known - told.messages))
    _no_update_lost(evidence, verdict, refused)
    _no_replay_lost(evidence, verdict)
    _no_product_lost(evidence, verdict, refused)


def _no_update_lost(evidence: Evidence, verdict: Verdict, refused: set[str]) -> None:
    updates = evidence.topics["commerce.order-updates"]
    by_order = {
        f"{one['store_id']}/{one['amazon_order_id']}": one
        for one in evidence.database["commerce_orders"].values()
    }
    for message in updates:
        if message.place in refused:
            continue
        body = message.body
        reserved = by_order.get(f"{body.get('store_id')}/{body.get('amazon_order_id')}")
        if reserved is None or not reserved.get("updated_at"):
            verdict.add("lost", f"order update {message.place}")
        elif reserved["updated_at"] < oracle.moment(body["at"]):
            verdict.add("lost", f"order update {message.place}: older is held")


def _no_replay_lost(evidence: Evidence, verdict: Verdict) -> None:
    answered = {
        (part["replay_id"], answer["key"])
        for part in evidence.database["replay_results"].values()
        for answer in part["answers"]
    }
    parts = evidence.database["replay_parts"]
    steps = evidence.topics["order-import.commands"]
    asked = {one.body["replay_id"] for one in steps if one.body.get("command") == "replay"}
    for replay_id in asked & evidence.database["replays"].keys():
        if evidence.database["replays"][replay_id]["state"] != "done":
            verdict.add("unresolved", f"replay {replay_id}")
        for key in parts[f"{replay_id}/000000"]["keys"]:
            if (replay_id, key) not in answered:
                verdict.add("lost", f"replay {replay_id} of {key}")


def _no_product_lost(evidence: Evidence, verdict: Verdict, refused: set[str]) -> None:
    newest = oracle.newest_products(evidence.topics["commerce.products"], refused)
    for sku, body in newest.items():
        document = evidence.database["products"].get(sku, {})
        wanted = (body["enabled"], body["salable_quantity"], oracle.moment(body["as_of"]))
        if tuple(document.get(n) for n in ("enabled", "salable_quantity", "as_of")) != wanted:
            verdict.add("lost", f"product {sku}: the newest word is not what is held")


def one_order(evidence: Evidence, verdict: Verdict) -> None:
    """I2: one Commerce order per order, in MongoDB and as told; no number twice."""
    documents = evidence.database["commerce_orders"].values()
    made = Counter(f"{one['store_id']}/{one['amazon_order_id']}" for one in documents)
    numbers = Counter(one["order_number"] for one in documents)
    told: dict[str, set[str]] = defaultdict(set)
    for message in evidence.topics["commerce.orders"]:
        if message.body.get("event_type") == "CommerceOrderCreated":
            told[message.headers["ce_subject"].decode()].add(
                message.body["commerce_order_id"] + message.body["order_number"]
            )
    for key, count in made.items():
        verdict.add("second_orders", f"{key}: {count} Commerce orders", count - 1)
        order = evidence.database["amazon_orders"].get(key, {})
        if order.get("import", {}).get("state") != "created":
            verdict.add("invented", f"{key} has a Commerce order and is not created")
        if key not in told:
            verdict.add("lost", f"{key}: CommerceOrderCreated was not published")
    for number, count in numbers.items():
        verdict.add("second_orders", f"number {number} given {count} times", count - 1)
    for key, ids in told.items():
        verdict.add("second_orders", f"{key}: {len(ids)} told", len(ids) - 1)
        if key not in made:
            verdict.add("invented", f"{key}: created was told of no Commerce order")


def stock(evidence: Evidence, verdict: Verdict) -> None:
    """I4: what is held is what orders hold, and no more than there is, then and at the end."""
    reserved, promised = _taken(evidence)
    most: Counter[str] = Counter()
    for message in evidence.topics["commerce.products"]:
        if message.body.get("sku", "").startswith("HOT"):
            sku = message.body["sku"]
            most[sku] = max(most[sku], message.body["salable_quantity"])
    for sku, product in evidence.database["products"].items():
        if product.get("reserved", 0) != reserved[sku]:
            verdict.add(
                "oversold", f"{sku}: {reserved[sku]} held, {product.get('reserved', 0)} counted"
            )
        if sku in most:
            verdict.add("oversold", f"{sku} promised", max(0, promised[sku] - most[sku]))
    for sample in evidence.samples:
        for sku, (salable, taken) in sample.get("stock", {}).items():
            verdict.add("oversold", f"{sku} at {sample['at']}", max(0, taken - salable))


def _taken(evidence: Evidence) -> tuple[Counter[str], Counter[str]]:
    """Give the units held, and the units promised, per SKU."""
    reserved: Counter[str] = Counter()
    promised: Counter[str] = Counter()
    for order in evidence.database["commerce_orders"].values():
        if order["status"] != "canceled":
            for line in order["lines"]:
                promised[line["sku"]] += line["quantity"]
        for reservation in order["reservations"]:
            reserved[reservation["sku"]] += reservation["quantity"]
    return reserved, promised


def resolved(evidence: Evidence, verdict: Verdict) -> None:
    """I3, I8, I11: at rest each order is where the log and the facts put it; nothing is open."""
    told = oracle.tell(evidence.topics["amazon.orders"], refused_places(evidence))
    moved = {
        f"{m.body.get('store_id')}/{m.body.get('amazon_order_id')}"
        for m in evidence.topics["commerce.order-updates"]
    }
    products = evidence.database["products"]
    commerce = evidence.database["commerce_orders"]
    for key, order in evidence.database["amazon_orders"].items():
        if key not in told:
            verdict.add("invented", f"{key} was never told")
            continue
        wrong = _misplaced(order, told[key], products, commerce)
        if wrong:
            verdict.add("unresolved", f"{key}: {wrong}")
        if key not in moved and order["status"] != told[key].status:
            verdict.add("order_violations", f"{key}: {order['status']}, not {told[key].status}")


def _misplaced(
    order: Document,
    told: oracle.OrderLog,
    products: dict[str, Document],
    commerce: dict[str, Document],
) -> str:
    """Say what is wrong with where an order ended, if anything."""
    state = order["import"]["state"]
    store, final = order["store_id"], told.status
    if state == "created":
        made = commerce.get(order["import"]["commerce_order_id"])
        if made is None or not told.ever_ready or store == "off":
            return "created, and should not be"
        if final == "Canceled" and made["status"] == "processing":
            return "canceled, and its Commerce order is not"
        return ""
    if final == "Canceled":
        return "" if state in {"skipped", "withdrawn"} else f"canceled, and {state}"
    if final not in READY:
        return "" if state == "waiting" else f"{final}: {state}"
    if store == "off":
        return "" if state == "skipped" else f"import is off, and it is {state}"
    if state != "blocked":
        return f"ready, and still {state}"
    return _unblocked(told, products)


def _unblocked(told: oracle.OrderLog, products: dict[str, Document]) -> str:
    for sku, wanted in told.lines.items():
        product = products.get(sku)
        if product is None or not product["enabled"]:
            return ""
        if product["salable_quantity"] - product.get("reserved", 0) < wanted:
            return ""
    return "blocked, and nothing stands in the way"


def refused_places(evidence: Evidence) -> set[str]:
    return {evidence.plain(key) for key in evidence.database["dead_letters"]}

"""The checker: `python -m tests.faults.checker DIR`. A program of its own; see README.md.

It reads what a campaign wrote down of Kafka, MongoDB and the load, and never the product's code.
"""

import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import oracle
from tests.faults.evidence import OUT, READ, Document, Evidence, Message
from tests.faults.oracle import READY

COUNTS = (
    "lost",
    "twice",
    "second_orders",
    "oversold",
    "order_violations",
    "unresolved",
    "poison_wrong",
    "invented",
)
"""What must be 0."""


@dataclass
class Verdict:
    """Counts of violations, a line for each, and the size of what was looked at."""

    counts: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not any(self.counts[name] for name in COUNTS)

    def add(self, count: str, line: str, by: int = 1) -> None:
        if by:
            self.counts[count] += by
            self.found.append(f"{count}: {line}")

    def to_json(self) -> Document:
        counts = {name: self.counts[name] for name in (*COUNTS, "copies")}
        return {"counts": counts, "sizes": self.sizes, "found": self.found[:200]}


def check(directory: Path) -> Verdict:
    """Judge what a campaign left behind."""
    evidence, verdict = Evidence(directory), Verdict()
    verdict.sizes = {
        "sent": len(evidence.sent),
        "orders": len(evidence.database["amazon_orders"]),
        "commerce_orders": len(evidence.database["commerce_orders"]),
        "events": len(evidence.database["events"]),
        "dead_letters": len(evidence.database["dead_letters"]),
        "samples": len(evidence.samples),
    }
    for invariant in INVARIANTS:
        invariant(evidence, verdict)
    return verdict


def _log_is_whole(evidence: Evidence, verdict: Verdict) -> None:
    """What the broker acknowledged is on the topic (else the dump, not the worker, is at fault)."""
    there = {
        (m.topic, m.partition, m.offset, hashlib.sha256(m.value or b"").hexdigest())
        for topic in READ
        for m in evidence.topics[topic]
    }
    for sent in evidence.sent:
        if (sent["topic"], sent["partition"], sent["offset"], sent["sha256"]) not in there:
            verdict.add("lost", f"acknowledged, not on the topic: {sent['topic']} {sent['offset']}")


def _no_loss(evidence: Evidence, verdict: Verdict) -> None:
    """I1, I10: each message has an outcome: its order knows it, or a dead letter has its bytes."""
    refused = _refused(evidence)
    orders = evidence.database["amazon_orders"]
    for key, told in oracle.tell(evidence.topics["amazon.orders"], refused).items():
        order = orders.get(key)
        known = 0 if order is None else order["received"]
        line = f"{key}: {told.messages} told, {known} known"
        verdict.add("lost", line, max(0, told.messages - known))
        verdict.add("twice", line, max(0, known - told.messages))
    updates = evidence.topics["commerce.order-updates"]
    by_order = {
        f"{one['store_id']}/{one['amazon_order_id']}": one
        for one in evidence.database["commerce_orders"].values()
    }
    for message in updates:
        if message.place in refused:
            continue
        body = message.body
        held = by_order.get(f"{body.get('store_id')}/{body.get('amazon_order_id')}")
        if held is None or not held.get("updated_at"):
            verdict.add("lost", f"order update {message.place}")
        elif held["updated_at"] < oracle.moment(body["at"]):
            verdict.add("lost", f"order update {message.place}: older is held")
    answers = evidence.database["replay_results"]
    for message in evidence.topics["order-import.commands"]:
        body = message.body
        if body.get("command") == "replay" and f"{body['replay_id']}/{body['key']}" not in answers:
            verdict.add("lost", f"replay {message.place}")
    newest = oracle.newest_products(evidence.topics["commerce.products"], refused)
    for sku, body in newest.items():
        document = evidence.database["products"].get(sku, {})
        wanted = (body["enabled"], body["salable_quantity"], oracle.moment(body["as_of"]))
        if tuple(document.get(n) for n in ("enabled", "salable_quantity", "as_of")) != wanted:
            verdict.add("lost", f"product {sku}: the newest word is not what is held")


def _poison(evidence: Evidence, verdict: Verdict) -> None:
    """I10: what the load calls poison is a dead letter with the very bytes, in MongoDB and out."""
    stored = {evidence.plain(key): one for key, one in evidence.database["dead_letters"].items()}
    told = {evidence.plain(key): ones for key, ones in evidence.letters.items()}
    by_place: dict[str, list[Message]] = defaultdict(list)
    for topic in READ:
        for message in evidence.topics[topic]:
            by_place[message.place].append(message)
    poison = {f"{s['topic']}:{s['partition']}:{s['offset']}" for s in evidence.sent if s["poison"]}
    for place in poison - stored.keys():
        verdict.add("poison_wrong", f"{place} is no dead letter")
    for place, letter in stored.items():
        wanted = {(m.key, m.value or b"") for m in by_place.get(place, ())}
        held = (letter["key"], letter["value"] or b"")
        sent = {(m.key, m.value or b"") for m in told.get(place, ())}
        if held not in wanted:
            verdict.add("poison_wrong", f"{place}: the bytes kept are others")
        if not sent:
            verdict.add("lost", f"dead letter {place} was not published")
        elif not sent <= wanted:
            verdict.add("poison_wrong", f"{place}: the bytes published are others")
        verdict.counts["copies"] += max(0, len(told.get(place, ())) - len(wanted))
    for place in told.keys() - stored.keys():
        verdict.add("invented", f"dead letter {place} is on Kafka only")


def _one_order(evidence: Evidence, verdict: Verdict) -> None:
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


def _events(evidence: Evidence, verdict: Verdict) -> None:
    """I5, I6, I9: what was decided is told, nothing else is, in order, copies byte for byte."""
    stored = evidence.database["events"]
    sequences: dict[str, list[int]] = defaultdict(list)
    for one in stored.values():
        sequences[one["key"]].append(one["sequence"])
    for key, found in sequences.items():
        if sorted(found) != list(range(1, len(found) + 1)):
            verdict.add("order_violations", f"{key}: sequences {sorted(found)}")
        if evidence.database["amazon_orders"].get(key, {}).get("sequence") != len(found):
            verdict.add("order_violations", f"{key}: the order counts other events")
    seen: Counter[str] = Counter()
    for topic in OUT:
        last: dict[tuple[str, int], int] = defaultdict(int)
        for message in evidence.topics[topic]:
            event_id, key = message.headers["ce_id"].decode(), message.headers["ce_subject"]
            seen[event_id] += 1
            kept = stored.get(event_id)
            if kept is None or kept["body"].encode() != message.value:
                verdict.add("invented", f"event {event_id} is not the one that is stored")
            elif seen[event_id] == 1:
                stream = (key.decode(), message.life)
                if kept["sequence"] <= last[stream]:
                    verdict.add("order_violations", f"{key.decode()}: {kept['sequence']} is late")
                last[stream] = kept["sequence"]
    for event_id in stored.keys() - seen.keys():
        verdict.add("lost", f"event {event_id} was not published")
    verdict.counts["copies"] += sum(count - 1 for count in seen.values())


def _stock(evidence: Evidence, verdict: Verdict) -> None:
    """I4: what is held is what orders hold, and no more than there is, then and at the end."""
    held: Counter[str] = Counter()
    promised: Counter[str] = Counter()
    for order in evidence.database["commerce_orders"].values():
        if order["status"] != "canceled":
            for line in order["lines"]:
                promised[line["sku"]] += line["quantity"]
        for hold in order["holds"]:
            held[hold["sku"]] += hold["quantity"]
    most: Counter[str] = Counter()
    for message in evidence.topics["commerce.products"]:
        if message.body.get("sku", "").startswith("HOT"):
            sku = message.body["sku"]
            most[sku] = max(most[sku], message.body["salable_quantity"])
    for sku, product in evidence.database["products"].items():
        if product.get("held", 0) != held[sku]:
            verdict.add("oversold", f"{sku}: {held[sku]} held, {product.get('held', 0)} counted")
        if sku in most:
            verdict.add("oversold", f"{sku} promised", max(0, promised[sku] - most[sku]))
    for sample in evidence.samples:
        for sku, (salable, taken) in sample.get("stock", {}).items():
            verdict.add("oversold", f"{sku} at {sample['at']}", max(0, taken - salable))


def _resolved(evidence: Evidence, verdict: Verdict) -> None:
    """I3, I8, I11: at rest each order is where the log and the facts put it; nothing is open."""
    told = oracle.tell(evidence.topics["amazon.orders"], _refused(evidence))
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
        if key not in moved and (order["status"], order["ignored"]) != (
            told[key].status,
            told[key].older,
        ):
            verdict.add("order_violations", f"{key}: {order['status']}, not {told[key].status}")


def _misplaced(
    order: Document, told: oracle.Told, products: dict[str, Document], commerce: dict[str, Document]
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
        return "" if state == "waiting" and not order["import"]["admitted"] else f"{final}: {state}"
    if store == "off":
        return "" if state == "skipped" else f"import is off, and it is {state}"
    if state != "blocked" or order["import"]["admitted"]:
        return f"ready, and still {state}"
    for sku, wanted in told.lines.items():
        product = products.get(sku)
        if product is None or not product["enabled"]:
            return ""
        if product["salable_quantity"] - product.get("held", 0) < wanted:
            return ""
    return "blocked, and nothing stands in the way"


def _positions(evidence: Evidence, verdict: Verdict) -> None:
    """I7, I11: positions only went forward, Kafka was never told more, and all is decided."""
    before: dict[str, int] = {}
    for sample in evidence.samples:
        positions = sample.get("positions", {})
        for place, offset in positions.items():
            if offset < before.get(place, 0):
                verdict.add("order_violations", f"{place} went back to {offset}")
        for place, offset in sample.get("committed", {}).items():
            if offset > positions.get(place, 0):
                verdict.add("lost", f"{place}: {offset} committed, {positions.get(place)} decided")
        before |= positions
        if sample.get("restarted"):
            before = {}
    at_rest = {evidence.plain(key): one for key, one in evidence.database["positions"].items()}
    ends: dict[str, tuple[int, int]] = {}
    for topic in READ:
        for message in evidence.topics[topic]:
            place = f"{topic}:{message.partition}"
            ends[place] = max(ends.get(place, (0, 0)), (message.life, message.offset + 1))
    for place, (_, end) in ends.items():
        position = at_rest.get(place, {"decided_to": 0, "outbox": []})
        if position["decided_to"] < end or position["outbox"]:
            verdict.add("unresolved", f"{place}: {position['decided_to']} of {end} decided")


def _refused(evidence: Evidence) -> set[str]:
    return {evidence.plain(key) for key in evidence.database["dead_letters"]}


Invariant = Callable[[Evidence, Verdict], None]
INVARIANTS: tuple[Invariant, ...] = (
    _log_is_whole,
    _no_loss,
    _poison,
    _one_order,
    _events,
    _stock,
    _resolved,
    _positions,
)


def main() -> int:
    """Print the verdict; 0 if all holds, else 1."""
    verdict = check(Path(sys.argv[1]))
    sys.stdout.write(json.dumps(verdict.to_json(), indent=1) + "\n")
    return 0 if verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())

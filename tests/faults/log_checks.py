"""Invariants of the logs: what came in, what went out, and how far it is decided."""

import hashlib
from collections import Counter, defaultdict

from tests.faults.evidence import OUT, READ, Evidence, Message
from tests.faults.verdict import Verdict


def log_is_whole(evidence: Evidence, verdict: Verdict) -> None:
    """What the broker acknowledged is on the topic (else the dump, not the worker, is at fault)."""
    there = {
        (m.topic, m.partition, m.offset, hashlib.sha256(m.value or b"").hexdigest())
        for topic in READ
        for m in evidence.topics[topic]
    }
    for sent in evidence.sent:
        if (sent["topic"], sent["partition"], sent["offset"], sent["sha256"]) not in there:
            verdict.add("lost", f"acknowledged, not on the topic: {sent['topic']} {sent['offset']}")


def poison(evidence: Evidence, verdict: Verdict) -> None:
    """I10: what the load calls poison is a dead letter with the very bytes, in MongoDB and out."""
    stored = {evidence.plain(key): one for key, one in evidence.database["dead_letters"].items()}
    told = {evidence.plain(key): ones for key, ones in evidence.dead_letters.items()}
    by_place: dict[str, list[Message]] = defaultdict(list)
    for topic in READ:
        for message in evidence.topics[topic]:
            by_place[message.place].append(message)
    poison = {f"{s['topic']}:{s['partition']}:{s['offset']}" for s in evidence.sent if s["poison"]}
    for place in poison - stored.keys():
        verdict.add("poison_wrong", f"{place} is no dead letter")
    for place, dead_letter in stored.items():
        wanted = {(m.key, m.value or b"") for m in by_place.get(place, ())}
        reserved = (dead_letter["key"], dead_letter["value"] or b"")
        sent = {(m.key, m.value or b"") for m in told.get(place, ())}
        if reserved not in wanted:
            verdict.add("poison_wrong", f"{place}: the bytes kept are others")
        if not sent:
            verdict.add("lost", f"dead letter {place} was not published")
        elif not sent <= wanted:
            verdict.add("poison_wrong", f"{place}: the bytes published are others")
        verdict.counts["copies"] += max(0, len(told.get(place, ())) - len(wanted))
    for place in told.keys() - stored.keys():
        verdict.add("invented", f"dead letter {place} is on Kafka only")


def events(evidence: Evidence, verdict: Verdict) -> None:
    """I5, I6, I9: what was decided is told, nothing else is, in order, copies byte for byte."""
    stored = evidence.database["events"]
    _sequences(evidence, verdict)
    sources = {m.headers["ce_source"] for topic in OUT for m in evidence.topics[topic]}
    if len(sources) > 1:  # an id is unique within its source alone
        verdict.add("invented", f"events of one installation name {sorted(sources)}")
    seen: Counter[str] = Counter()
    for topic in OUT:
        last: dict[tuple[str, int], int] = defaultdict(int)
        for message in evidence.topics[topic]:
            event_id, key = message.headers["ce_id"].decode(), message.headers["ce_subject"]
            seen[event_id] += 1
            kept = stored.get(event_id)
            schema = f":{message.headers['ce_type'].decode()}:".encode()
            if (
                kept is None
                or kept["body"].encode() != message.value
                or schema not in message.headers["ce_dataschema"]
            ):
                verdict.add("invented", f"event {event_id} is not the one that is stored")
            elif seen[event_id] == 1:
                stream = (key.decode(), message.life)
                if kept["sequence"] <= last[stream]:
                    verdict.add("order_violations", f"{key.decode()}: {kept['sequence']} is late")
                last[stream] = kept["sequence"]
    for event_id in stored.keys() - seen.keys():
        verdict.add("lost", f"event {event_id} was not published")
    verdict.counts["copies"] += sum(count - 1 for count in seen.values())


def _sequences(evidence: Evidence, verdict: Verdict) -> None:
    sequences: dict[str, list[int]] = defaultdict(list)
    for one in evidence.database["events"].values():
        sequences[one["key"]].append(one["sequence"])
    for key, found in sequences.items():
        if sorted(found) != list(range(1, len(found) + 1)):
            verdict.add("order_violations", f"{key}: sequences {sorted(found)}")
        if evidence.database["amazon_orders"].get(key, {}).get("sequence") != len(found):
            verdict.add("order_violations", f"{key}: the order counts other events")


def checkpoints(evidence: Evidence, verdict: Verdict) -> None:
    """I7, I11: checkpoints only went forward, Kafka was never told more, and all is decided."""
    _went_forward(evidence, verdict)
    _all_decided(evidence, verdict)


def _went_forward(evidence: Evidence, verdict: Verdict) -> None:
    before: dict[str, int] = {}
    for sample in evidence.samples:
        checkpoints = sample.get("checkpoints", {})
        for place, offset in checkpoints.items():
            if offset < before.get(place, 0):
                verdict.add("order_violations", f"{place} went back to {offset}")
        for place, offset in sample.get("committed", {}).items():
            if offset > checkpoints.get(place, 0):
                verdict.add(
                    "lost", f"{place}: {offset} committed, {checkpoints.get(place)} decided"
                )
        before |= checkpoints
        if sample.get("restarted"):
            before = {}


def _all_decided(evidence: Evidence, verdict: Verdict) -> None:
    at_rest = {evidence.plain(key): one for key, one in evidence.database["checkpoints"].items()}
    ends: dict[str, tuple[int, int]] = {}
    for topic in READ:
        for message in evidence.topics[topic]:
            place = f"{topic}:{message.partition}"
            ends[place] = max(ends.get(place, (0, 0)), (message.life, message.offset + 1))
    for place, (_, end) in ends.items():
        checkpoint = at_rest.get(place, {"committed_offset": 0, "outbox": []})
        if checkpoint["committed_offset"] < end or checkpoint["outbox"]:
            verdict.add("unresolved", f"{place}: {checkpoint['committed_offset']} of {end} decided")

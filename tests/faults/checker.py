"""The checker: `python -m tests.faults.checker DIR`. A program of its own; see README.md.

It reads what a campaign wrote down of Kafka, MongoDB and the load, and never the product's code.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults import amendment_checks, log_checks, order_checks
from tests.faults.evidence import Evidence
from tests.faults.verdict import Verdict


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


Invariant = Callable[[Evidence, Verdict], None]
INVARIANTS: tuple[Invariant, ...] = (
    log_checks.log_is_whole,
    order_checks.no_loss,
    log_checks.poison,
    order_checks.one_order,
    log_checks.events,
    order_checks.stock,
    order_checks.resolved,
    amendment_checks.amended,
    log_checks.checkpoints,
)


def main() -> int:
    """Print the verdict; 0 if all holds, else 1."""
    verdict = check(Path(sys.argv[1]))
    sys.stdout.write(json.dumps(verdict.to_json(), indent=1) + "\n")
    return 0 if verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())

"""The summary: what a replay did to all its orders, or would do."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from models.money import Money
from models.replay import ReplayAnswer, ReplayResult

FIRST = 20
"""How many orders of each result are told one by one."""


@dataclass(slots=True)
class CauseTotal:
    """Blocked orders with one cause and one product. An order counts in each of its causes.

    `required` are the units of all of them together. `available` is what there was for the last
    one, or None where the product is unknown or its stock not managed.
    """

    orders: int = 0
    required: int = 0
    available: float | None = None


@dataclass(slots=True)
class Summary:
    """Answers, counted as they come. Its size does not grow with the number of orders.

    `value` sums the totals of created orders per currency. `causes` are by code and SKU,
    `refusals` by code; `first` has the first orders of each result.
    """

    orders: Counter[ReplayResult] = field(default_factory=Counter)
    value: dict[str, Decimal] = field(default_factory=dict)
    causes: dict[tuple[str, str | None], CauseTotal] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    first: dict[ReplayResult, list[ReplayAnswer]] = field(
        default_factory=lambda: {result: [] for result in ReplayResult}
    )

    @property
    def answered(self) -> int:
        """How many orders there is an answer for."""
        return self.orders.total()

    @property
    def money(self) -> list[Money]:
        """The value of what is created, one sum per currency."""
        return [
            Money.model_construct(amount=amount, currency=currency)
            for currency, amount in sorted(self.value.items())
        ]

    @property
    def counts(self) -> dict[str, int]:
        """How many orders have which result."""
        return {result.value: self.orders[result] for result in ReplayResult}

    def add(self, answer: ReplayAnswer) -> None:
        """Count one order's answer."""
        self.orders[answer.result] += 1
        if len(self.first[answer.result]) < FIRST:
            self.first[answer.result].append(answer)
        match answer.result:
            case ReplayResult.CREATED:
                if answer.total is not None:
                    so_far = self.value.get(answer.total.currency, Decimal(0))
                    self.value[answer.total.currency] = so_far + answer.total.amount
            case ReplayResult.BLOCKED:
                for reason in answer.reasons:
                    cause = self.causes.setdefault((reason.code, reason.sku), CauseTotal())
                    cause.orders += 1
                    cause.required += reason.required or 0
                    cause.available = reason.available
            case ReplayResult.REFUSED:
                self.refusals.update(reason.code for reason in answer.reasons)

"""Wire classes: how one format writes a model.

A wire class is a subclass of a model that only says how a format writes its fields: under
which names (`named`) and in which types (`handlers.payloads.fields`). It adds no field, so what
it validated is a whole value of the model, and `becomes` makes it one without a second pass.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasGenerator,
    AliasPath,
    BeforeValidator,
    ConfigDict,
)

from handlers.payloads.fields import is_blank, is_money_told
from models.amazon_order import AmazonOrder
from models.base import Value

Object = dict[str, Any]
"""A JSON object, not yet validated."""


def named(**names: str | AliasPath | AliasChoices) -> ConfigDict:
    """Say under which name, or at which path, a format has each field of a model.

    A field not mentioned keeps its own name, which no format of Amazon uses.
    """
    return ConfigDict(
        alias_generator=AliasGenerator(validation_alias=lambda field: names.get(field, field))
    )


def becomes(model: type[Value]) -> AfterValidator:
    """Make a validated instance of a wire class an instance of its model.

    The very object is told its class: it has the model's fields, all validated, and building
    it once more would double the cost of reading an order.
    """

    def recast(value: Value) -> Value:
        object.__setattr__(value, "__class__", model)
        return value

    return AfterValidator(recast)


def address_lines(first: str) -> BeforeValidator:
    """Gather an address's numbered lines under the name they share.

    Args:
        first: the shared name, for example `AddressLine` of `AddressLine1` to `AddressLine3`.
    """
    names = [f"{first}{number}" for number in (1, 2, 3)]

    def gathered(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return value | {first: [line for name in names if (line := value.get(name))]}

    return BeforeValidator(gathered)


def finished(order: AmazonOrder) -> AmazonOrder:
    """Make a wire order an `AmazonOrder`.

    What it says of a cancellation request at order level, it says of all its lines; a request for
    any line is one of the order.
    """
    object.__setattr__(order, "__class__", AmazonOrder)
    of_order = order.buyer_requested_cancel
    if of_order is not None and order.items:
        items = tuple(
            item
            if item.buyer_requested_cancel is not None
            else item.model_copy(update={"buyer_requested_cancel": of_order})
            for item in order.items
        )
        order = order.model_copy(update={"items": items})
    told = {item.buyer_requested_cancel for item in order.items} - {None}
    if not told:
        return order
    return order.model_copy(update={"buyer_requested_cancel": True in told})


def with_currency(body: Object, name: str) -> Object | None:
    """Return a copy of an order whose amounts all have a currency; None if that is no help.

    Amazon's schemas require neither field of money. A currency that is missing is the one that all
    others of the order are in; of several, or none, it would be a guess.

    Args:
        body: an order that could not be read.
        name: what the currency is called.
    """
    currencies = [money.get(name) for money in _amounts_in(body)]
    told = {currency for currency in currencies if isinstance(currency, str) and currency.strip()}
    if len(told) != 1 or not any(map(is_blank, currencies)):
        return None
    complete = deepcopy(body)
    for money in _amounts_in(complete):
        if is_blank(money.get(name)):
            money[name], *_ = told
    return complete


def _amounts_in(value: object) -> Iterator[Object]:
    parts = [value]
    while parts:
        match parts.pop():
            case dict() as part:
                if is_money_told(part):
                    yield part
                parts += part.values()
            case list() as several:
                parts += several
            case _:
                pass

"""What makes a blocked order free again: a change of a fact that it depends on (rule 12).

A blocked order depends on the settings of its store, on the products that block it with their
units in the store's stock, and on the listings that led to them. The transaction that changes one
of these, or releases units of a product, requests a recheck of the orders that depend on it. The
recheck (`check_order`) starts again with the import policy: the order is created, or stays blocked
for what is left.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from handlers.rules.blockers import Need
from models import keys
from models.blockers import Blocker
from models.commands import Recheck
from models.messages import CommandMessage
from models.reference_data import Store


def depends_on(store: Store, needs: Sequence[Need], blockers: Sequence[Blocker]) -> tuple[str, ...]:
    """Return the keys of all facts whose change may unblock the order."""
    blocked = {blocker.sku for blocker in blockers}
    waits = {keys.depends_on_store(store.store_id)}
    for need in needs:
        if need.sku in blocked and need.sku is not None:
            waits.add(keys.depends_on_product(need.sku))
            waits.add(keys.depends_on_stock(store.stock_id, need.sku))
            waits.update(
                keys.depends_on_listing(keys.listing_key(store.store_id, item.seller_sku))
                for item in need.items
                if item.seller_sku is not None
            )
    return tuple(sorted(waits))


def request_rechecks(changed: AbstractSet[str], depended_on: Iterable[str]) -> list[CommandMessage]:
    """Return the commands that recheck the orders depending on changed facts.

    Args:
        changed: The keys of the changed facts.
        depended_on: The keys of facts that orders depend on: those stored, and those decided on in
            the same transaction.
    """
    return [CommandMessage(fact, Recheck(fact=fact)) for fact in sorted(changed & {*depended_on})]

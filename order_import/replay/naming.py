"""Orders as operators name them: by Amazon's id, or by store and Amazon's id."""

from collections.abc import Iterable

from models.keys import order_key
from storage.port import Storage


class OrderNotNamed(Exception):  # noqa: N818 - an answer, not a mistake of the program
    """A name is not that of exactly one order. The message is one line that says why."""


async def resolve_orders(
    storage: Storage, names: Iterable[str], store_id: str | None
) -> tuple[str, ...]:
    """Give the `store/order` keys of named orders, each once.

    A name with a slash is a key, and is not looked for. `store_id` settles which store is meant.

    Raises:
        OrderNotNamed: No store, or more than one, has an order of a name.
        StorageUnavailable: The database does not answer.
    """
    named = list(dict.fromkeys(names))
    bare = {name for name in named if "/" not in name}
    found = await storage.look(lambda view: view.order_keys(bare))
    keys: dict[str, None] = {}
    for name in named:
        key = name if "/" in name else _key_of(name, sorted(found.get(name, ())), store_id)
        if store_id is not None and not key.startswith(f"{store_id}/"):
            raise OrderNotNamed(f"order {name} is not one of store {store_id}")
        keys[key] = None
    return tuple(keys)


def _key_of(name: str, found: list[str], store_id: str | None) -> str:
    if store_id is not None:
        return order_key(store_id, name)
    if not found:
        raise OrderNotNamed(f"no order {name} was received")
    if len(found) > 1:
        raise OrderNotNamed(
            f"{len(found)} stores have an order {name}; name one: {', '.join(found)}"
        )
    return found[0]

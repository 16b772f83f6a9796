"""Orders as operators name them: by Amazon's id, or by store and Amazon's id."""

from collections.abc import Iterable

from storage.port import Storage


class OrderNotNamed(Exception):  # noqa: N818 - an answer, not a mistake of the program
    """A name is not that of an order that is meant. The message is one line that says why."""


async def resolve_orders(
    storage: Storage, names: Iterable[str], store_id: str | None
) -> tuple[str, ...]:
    """Give the `store/order` keys of named orders, each once.

    A name with a slash is a key, and is not looked for.

    Raises:
        OrderNotNamed: There is no order of a name, or it is not one of the store.
        StorageUnavailable: The database does not answer.
    """
    named = list(dict.fromkeys(names))
    bare = {name for name in named if "/" not in name}
    found = await storage.look(lambda view: view.orders_of(bare))
    keys: dict[str, None] = {}
    for name in named:
        if name in bare and name not in found:
            raise OrderNotNamed(f"no order {name} was received")
        key = found[name].key if name in bare else name
        if store_id is not None and not key.startswith(f"{store_id}/"):
            raise OrderNotNamed(f"order {name} is not one of store {store_id}")
        keys[key] = None
    return tuple(keys)

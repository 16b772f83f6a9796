"""Ports: what the pages ask of the program around them, besides the database."""

from typing import Protocol

from models.reference_data import Listing, Product, Store


class PortError(Exception):
    """What was asked cannot be done, in one line for people."""


class Publisher(Protocol):
    """Tells facts, which is all that operators may change.

    Raises:
        BrokerUnavailable: From every method: Kafka does not answer.
    """

    async def tell_store(self, store: Store) -> None:
        """Tell a store's settings, all of them."""
        ...

    async def tell_listing(self, listing: Listing) -> None:
        """Tell which catalog SKU a seller SKU is matched to."""
        ...

    async def tell_product(self, product: Product) -> None:
        """Tell a product as Commerce would."""
        ...

    async def sync(self, store_id: str | None) -> None:
        """Ask for the next sync now."""
        ...

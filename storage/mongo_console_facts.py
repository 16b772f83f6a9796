"""The console's questions on MongoDB of one thing: a Commerce order, products, a listing."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.commerce_order import CommerceOrder, StockedProduct
from models.reference_data import Listing
from models.skus import normalized_sku
from storage.commerce_documents import commerce_order_from_document
from storage.console_queries import literal
from storage.fact_documents import listing_from_document, product_from_document
from storage.mongo_errors import translated

_MOST = 5
"""How many SKUs that look alike are offered."""


class MongoConsoleFacts:
    """See `ConsoleReader` for what each method gives."""

    def __init__(self, database: Any) -> None:
        self._database = database

    async def commerce_order(self, commerce_order_id: str) -> CommerceOrder | None:
        """Give a Commerce order."""
        with translated():
            found = await self._database.commerce_orders.find_one({"_id": commerce_order_id})
        return None if found is None else commerce_order_from_document(found)

    async def products(self, skus: Sequence[str]) -> Mapping[str, StockedProduct]:
        """Give the catalog products that exist of these SKUs."""
        with translated():
            found = await self._database.products.find(
                {"_id": {"$in": list(skus)}, "deleted": False}
            ).to_list(None)
        return {document["_id"]: product_from_document(document) for document in found}

    async def skus_like(self, text: str, limit: int) -> Sequence[str]:
        """Give catalog SKUs that begin with a text."""
        wanted = {"_id": {"$regex": "^" + literal(text)}, "deleted": False}
        with translated():
            found = await (
                self._database.products.find(wanted, {"_id": 1})
                .sort([("_id", 1)])
                .limit(limit)
                .to_list(None)
            )
        return [document["_id"] for document in found]

    async def similar_skus(self, sku: str) -> Sequence[str]:
        """Return catalog SKUs that look alike."""
        wanted = {"normalized_sku": normalized_sku(sku), "deleted": False}
        with translated():
            cursor = self._database.products.find(wanted, {"_id": 1}).limit(_MOST)
            found = await cursor.to_list(None)
        return sorted(document["_id"] for document in found if document["_id"] != sku)

    async def listing(self, key: str) -> Listing | None:
        """Give what a `store/seller SKU` is matched to."""
        with translated():
            found = await self._database.listings.find_one({"_id": key})
        return None if found is None else listing_from_document(found)

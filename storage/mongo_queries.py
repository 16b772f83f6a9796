"""What a transaction on MongoDB reads anew each time: nothing of it is remembered."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from models.commands import OrderCursor
from models.commerce_order import CommerceOrder, StockedProduct
from models.order_record import OrderRecord
from models.skus import normalized_sku, pick_similar
from storage.commerce_documents import commerce_order_from_document
from storage.fact_documents import product_from_document
from storage.order_documents import order_from_document
from storage.values import Document

WITHOUT_HISTORY = {"history": 0}


class MongoQueries:
    """See `storage.port.Transaction` for what each method promises."""

    _database: Any
    _session: Any

    async def orders_of(self, amazon_order_ids: Collection[str]) -> Mapping[str, OrderRecord]:
        """See the port."""
        query = among(amazon_order_ids, "amazon_order_id")
        found = await self._find("amazon_orders", query, WITHOUT_HISTORY)
        return {document["amazon_order_id"]: order_from_document(document) for document in found}

    async def commerce_orders(self, ids: Collection[str]) -> Mapping[str, CommerceOrder]:
        """See the port."""
        found = await self._find("commerce_orders", among(ids))
        return {document["_id"]: commerce_order_from_document(document) for document in found}

    async def product_versions(self, skus: Collection[str]) -> Mapping[str, StockedProduct]:
        """See the port."""
        found = await self._find("products", among(skus))
        return {doc["_id"]: product_from_document(doc) for doc in found}

    async def _similar_skus(self, missing: Collection[str]) -> Mapping[str, str]:
        """Return, for SKUs that the catalog has not, one that it has and that looks alike."""
        query = among({normalized_sku(sku) for sku in missing}, "normalized_sku")
        found = await self._find("products", query, {"deleted": 1})
        return pick_similar(missing, [doc["_id"] for doc in found if not doc["deleted"]])

    async def facts_depended_on(self, facts: Collection[str]) -> Collection[str]:
        """See the port."""
        if not facts:
            return ()
        found: list[str] = await self._database.amazon_orders.distinct(
            "import.depends_on", {"import.depends_on": {"$in": list(facts)}}, session=self._session
        )
        return set(found) & set(facts)

    async def orders_depending_on(
        self, fact: str, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        """See the port."""
        return await self._oldest_first({"import.depends_on": fact}, after, limit)

    async def blocked_orders(
        self, store_id: str | None, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        """See the port."""
        query: Document = {"import.state": "blocked"}
        if store_id is not None:
            query["store_id"] = store_id
        return await self._oldest_first(query, after, limit)

    async def shipped_commerce_orders(
        self, store_id: str | None, limit: int
    ) -> Sequence[CommerceOrder]:
        """See the port."""
        query: Document = {"status": "shipped"}
        if store_id is not None:
            query["store_id"] = store_id
        cursor = self._database.commerce_orders.find(query, session=self._session)
        return [
            commerce_order_from_document(doc) for doc in await cursor.limit(limit).to_list(None)
        ]

    async def acknowledged_orders_reserving(self, skus: Collection[str]) -> Sequence[CommerceOrder]:
        """See the port."""
        if not skus:
            return ()
        query = {"reservations.sku": {"$in": list(skus)}, "acknowledged_at": {"$type": "date"}}
        return [
            commerce_order_from_document(doc) for doc in await self._find("commerce_orders", query)
        ]

    async def _find(
        self, collection: str, query: Document | None, fields: Document | None = None
    ) -> list[Document]:
        if query is None:
            return []
        cursor = self._database[collection].find(query, fields, session=self._session)
        documents: list[Document] = await cursor.to_list(None)
        return documents

    async def _oldest_first(
        self, query: Document, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        if after is not None:
            date = after.purchase_date
            later: Document = {"$ne": None} if date is None else {"$gt": date}
            here = {"purchase_date": date, "_id": {"$gt": after.key}}
            query = {"$and": [query, {"$or": [{"purchase_date": later}, here]}]}
        cursor = self._database.amazon_orders.find(query, WITHOUT_HISTORY, session=self._session)
        cursor = cursor.sort([("purchase_date", 1), ("_id", 1)]).limit(limit)
        return [order_from_document(document) for document in await cursor.to_list(None)]


def among(ids: Collection[str], field: str = "_id") -> Document | None:
    """Give the query for documents of these ids; None where there are none to ask for."""
    return {field: {"$in": list(ids)}} if ids else None

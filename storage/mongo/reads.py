"""What a transaction or a snapshot reads for decisions; what its locks keep cached is not here."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from models.buyer_data import Retained
from models.commands import OrderCursor
from models.commerce_order import CommerceOrder
from models.keys import DEFAULT_STOCK
from models.order_record import CREATED, OrderRecord
from models.reference_data import Product, StockItem
from models.skus import normalized_sku, pick_similar
from storage.documents.commerce_order import commerce_order_from_document
from storage.documents.order_record import order_from_document, with_buyer
from storage.documents.reference_data import product_from_document, stock_item_from_document
from storage.documents.values import Document, present
from storage.mongo.buyer_data import BuyerVault
from storage.mongo.driver import ClientSession, Database
from storage.mongo.session import InSession

WITHOUT_HISTORY = {"history": 0}


class MongoQueries(InSession):
    """See `storage.port.Transaction` for what each method promises."""

    def __init__(self, database: Database, session: ClientSession, vault: BuyerVault) -> None:
        super().__init__(database, session)
        self._vault = vault
        self._data_keys: dict[str, bytes] = {}

    async def orders_of(self, amazon_order_ids: Collection[str]) -> Mapping[str, OrderRecord]:
        """See the port."""
        query = with_ids(amazon_order_ids, "amazon_order_id")
        records = await self._records(await self._find("amazon_orders", query, WITHOUT_HISTORY))
        return {record.order.amazon_order_id: record for record in records}

    async def commerce_orders(self, ids: Collection[str]) -> Mapping[str, CommerceOrder]:
        """See the port."""
        documents = await self._find("commerce_orders", with_ids(ids))
        return {doc["_id"]: commerce_order_from_document(doc) for doc in documents}

    async def creation_facts(self, keys: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        """See the port."""
        fields = {"history.what": 1, "history.facts": 1}
        return {
            doc["_id"]: entry["facts"]
            for doc in await self._find("amazon_orders", with_ids(keys), fields)
            for entry in doc.get("history", ())
            if entry["what"] == CREATED and "facts" in entry
        }

    async def product_versions(self, skus: Collection[str]) -> Mapping[str, Product]:
        """See the port."""
        documents = await self._find("products", with_ids(skus))
        return {doc["_id"]: product_from_document(doc) for doc in documents}

    async def stock_items(self, keys: Collection[str]) -> Mapping[str, StockItem]:
        """See the port."""
        documents = await self._find("stock_items", with_ids(keys))
        return {doc["_id"]: stock_item_from_document(doc) for doc in documents if "as_of" in doc}

    async def _similar_skus(self, missing: Collection[str]) -> Mapping[str, str]:
        """Return, for SKUs that are missing in the catalog, one of its SKUs that looks alike."""
        query = with_ids({normalized_sku(sku) for sku in missing}, "normalized_sku")
        documents = await self._find("products", query, {"deleted": 1})
        return pick_similar(missing, [doc["_id"] for doc in documents if not doc["deleted"]])

    async def facts_depended_on(self, facts: Collection[str]) -> Collection[str]:
        """See the port."""
        if not facts:
            return ()
        depended_on = await self._database.amazon_orders.distinct(
            "import.depends_on",
            {"import.depends_on": {"$in": list(facts)}},
            session=await self.free_session(),
        )
        return set(depended_on) & set(facts)

    async def orders_depending_on(
        self, fact: str, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        """See the port."""
        return await self._oldest_first({"import.depends_on": fact}, after, limit)

    async def blocked_orders(
        self, store_id: str | None, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        """See the port."""
        query = {"import.state": "blocked", **present(store_id=store_id)}
        return await self._oldest_first(query, after, limit)

    async def shipped_commerce_orders(
        self, store_id: str | None, limit: int
    ) -> Sequence[CommerceOrder]:
        """See the port."""
        query = {"status": "shipped", **present(store_id=store_id)}
        cursor = self._database.commerce_orders.find(query, session=await self.free_session())
        return [
            commerce_order_from_document(doc) for doc in await cursor.limit(limit).to_list(None)
        ]

    async def pending_reservations(
        self, store_id: str | None, before: datetime, limit: int
    ) -> Sequence[OrderRecord]:
        """See the port."""
        query = {"import.reserves.news_at": {"$lt": before}, **present(store_id=store_id)}
        cursor = self._database.amazon_orders.find(
            query, WITHOUT_HISTORY, session=await self.free_session()
        )
        cursor = cursor.sort("import.reserves.news_at", 1).limit(limit)
        return await self._records(await cursor.to_list(None))

    async def counted_orders(
        self, skus: Collection[str], stock_id: str = DEFAULT_STOCK
    ) -> Sequence[CommerceOrder]:
        """See the port."""
        if not skus:
            return ()
        query = {
            "reservations.sku": {"$in": list(skus)},
            "may_be_counted": True,
            "stock_id": stock_id,
        }
        return [
            commerce_order_from_document(doc) for doc in await self._find("commerce_orders", query)
        ]

    async def _find(
        self, collection: str, query: Document | None, fields: Document | None = None
    ) -> list[Document]:
        if query is None:
            return []
        cursor = self._database[collection].find(query, fields, session=await self.free_session())
        return await cursor.to_list(None)

    async def _oldest_first(
        self, query: Document, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        if after is not None:
            date = after.purchase_date
            later: Document = {"$ne": None} if date is None else {"$gt": date}
            same_date = {"purchase_date": date, "_id": {"$gt": after.key}}
            query = {"$and": [query, {"$or": [{"purchase_date": later}, same_date]}]}
        cursor = self._database.amazon_orders.find(
            query, WITHOUT_HISTORY, session=await self.free_session()
        )
        cursor = cursor.sort([("purchase_date", 1), ("_id", 1)]).limit(limit)
        return await self._records(await cursor.to_list(None))

    async def _records(self, documents: Iterable[Document]) -> list[OrderRecord]:
        """Return stored orders with their buyers.

        If a buyer's data is gone, it was erased on the database's own clock, or with its keys.
        """
        records = [order_from_document(document) for document in documents]
        ids = [record.key for record in records if isinstance(record.buyer_data, Retained)]
        if not ids or self._vault.keys is None:
            return records
        contents = await self._vault.contents(ids, await self.free_session())
        self._data_keys |= {key: content.data_key for key, content in contents.items()}
        return [
            with_buyer(record, contents[record.key].fields if record.key in contents else None)
            for record in records
        ]


def with_ids(ids: Collection[str], field: str = "_id") -> Document | None:
    """Return the query for documents of these ids; None if there are no ids."""
    return {field: {"$in": list(ids)}} if ids else None

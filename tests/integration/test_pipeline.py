"""The whole path on real servers: Amazon's messages in, Commerce orders or blocks out."""

import json
from collections import Counter

from models.topics import TopicName
from tests.integration.kit import OUT, System, only
from tests.integration.wire import item, key, order, product, store


async def test_every_outcome_is_reached_kept_and_told(system: System) -> None:
    await system.publish(TopicName.STORES, store(), store("closed", import_amazon_orders=False))
    await system.publish(
        TopicName.PRODUCTS,
        product("LAMP"),
        product("DUSTY", enabled=False),
        product("RARE", salable_quantity=1),
        product("BROKEN", enabled=False, salable_quantity=0),
    )
    expected = {
        1: ("created", order(1)),
        2: ("created", order(2, status="Shipped", fulfillment_channel="AFN")),
        3: ("blocked", order(3, items=[item("NOWHERE")])),
        4: ("blocked", order(4, items=[item("DUSTY")])),
        5: ("blocked", order(5, items=[item("RARE", 2)])),
        6: ("waiting", order(6, status="Pending")),
        7: ("waiting", order(7, fulfillment_channel="AFN")),
        8: ("waiting", order(8, purchase_date=None)),
        9: ("waiting", order(9, store_id="later")),
        10: ("skipped", order(10, purchase_date="2025-12-31T23:59:59Z")),
        11: ("skipped", order(11, status="Canceled")),
        12: ("skipped", order(12, items=[item(quantity=0)])),
        13: ("skipped", order(13, store_id="closed")),
        14: ("blocked", order(14, items=[item("BROKEN"), item("NOWHERE"), item("LAMP")])),
        15: ("created", order(15, status="Shipped")),
        16: ("created", order(16, purchase_date="2026-01-01T00:00:00Z")),
    }
    async with system.worker():
        await system.eventually(lambda: _told(system, "stores", 2), "the stores are told")
        await system.eventually(lambda: _told(system, "products", 4), "the products are told")
        await system.publish(TopicName.ORDERS, *(document for _, document in expected.values()))
        for state, document in expected.values():
            await system.becomes(key(document), state)

    reasons = {
        number: (await system.order(key(document)))["import"]["reasons"]
        for number, (_, document) in expected.items()
    }
    assert {n: r for n, r in reasons.items() if n in {6, 7, 8, 9, 10, 11, 12, 13}} == {
        6: ["status-not-importable"],
        7: ["status-not-importable"],
        8: ["purchase-date-unknown"],
        9: ["store-unknown"],
        10: ["before-integration"],
        11: ["canceled"],
        12: ["nothing-to-import"],
        13: ["import-disabled"],
    }
    assert {(b["code"], b["sku"]) for b in reasons[14]} == {
        ("not-in-catalog", "NOWHERE"),
        ("disabled", "BROKEN"),
        ("out-of-stock", "BROKEN"),
    }

    events = await system.events()
    assert Counter(event["event_type"] for event in events) == {
        "CommerceOrderCreated": 4,
        "CommerceOrderStatusChanged": 1,
        "OrderImportBlocked": 4,
        "OrderImportSkipped": 4,
    }
    shipped = only(events, amazon_order_id=order(15)["amazon_order_id"])
    assert [(e["sequence"], e["event_type"]) for e in shipped] == [
        (1, "CommerceOrderCreated"),
        (2, "CommerceOrderStatusChanged"),
    ]
    assert (shipped[1]["from"], shipped[1]["to"]) == ("processing", "complete")
    kept = {event["_id"] async for event in system.db.events.find({}, {"_id": 1})}
    assert kept == {event["event_id"] for event in events}
    assert await system.db.commerce_orders.count_documents({}) == 4


async def test_events_are_cloud_events_without_buyer_data(system: System) -> None:
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())
    async with system.worker():
        await system.eventually(lambda: _told(system, "products", 1), "the product is told")
        await system.eventually(lambda: _told(system, "stores", 1), "the store is told")
        await system.publish(TopicName.ORDERS, order(1), order(2, items=[item("NOWHERE")]))
        await system.becomes(key(order(1)), "created")
        await system.becomes(key(order(2)), "blocked")
    records = await system.read(*OUT)
    assert len(records) == 2
    for record in records:
        body = json.loads(record.value)
        headers = {name: value.decode() for name, value in record.headers}
        subject = f"{body['store_id']}/{body['amazon_order_id']}"
        assert record.key.decode() == subject
        assert headers == {
            "ce_specversion": "1.0",
            "ce_id": body["event_id"],
            "ce_type": body["event_type"],
            "ce_source": f"/order-import/default/{system.settings.topic_prefix}",
            "ce_dataschema": f"urn:order-import:schema:{body['event_type']}:1",
            "ce_subject": subject,
            "ce_time": headers["ce_time"],
            "content-type": "application/json",
        }
        assert b"arker" not in record.value


async def test_an_order_waits_for_its_store_and_its_product_and_goes_on_by_itself(
    system: System,
) -> None:
    async with system.worker():
        await system.publish(TopicName.ORDERS, order(1))
        await system.becomes(key(order(1)), "waiting")
        await system.publish(TopicName.STORES, store())
        await system.becomes(key(order(1)), "blocked")
        await system.publish(TopicName.PRODUCTS, product(enabled=False))
        await system.eventually(
            lambda: _reason_is(system, key(order(1)), "disabled"), "blocked for another cause"
        )
        await system.publish(TopicName.PRODUCTS, product(as_of="2026-11-01T00:00:01Z"))
        await system.becomes(key(order(1)), "created")
    events = await system.events()
    assert sorted((event["sequence"], event["event_type"]) for event in events) == [
        (1, "OrderImportBlocked"),
        (2, "OrderImportBlocked"),
        (3, "CommerceOrderCreated"),
        (4, "OrderImportReleased"),
    ]


async def test_a_listing_matched_after_the_order_releases_it(system: System) -> None:
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product("CATALOG-LAMP"))
    async with system.worker():
        await system.publish(TopicName.ORDERS, order(1, items=[item("AMZ/LAMP")]))
        await system.becomes(key(order(1)), "blocked")
        listing = {
            "store_id": "us",
            "seller_sku": "AMZ/LAMP",
            "sku": "CATALOG-LAMP",
            "updated_at": "2026-11-02T00:00:00Z",
        }
        await system.publish(TopicName.LISTINGS, listing, key="us/AMZ/LAMP")
        await system.becomes(key(order(1)), "created")
    (created,) = only(await system.events(), event_type="CommerceOrderCreated")
    assert [(line["seller_sku"], line["sku"]) for line in created["lines"]] == [
        ("AMZ/LAMP", "CATALOG-LAMP")
    ]


async def test_a_canceled_order_frees_its_stock_for_the_one_that_waits(system: System) -> None:
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product(salable_quantity=1))
    async with system.worker():
        await system.eventually(lambda: _told(system, "products", 1), "the product is told")
        await system.eventually(lambda: _told(system, "stores", 1), "the store is told")
        await system.publish(TopicName.ORDERS, order(1), key="k")
        await system.becomes(key(order(1)), "created")
        await system.publish(TopicName.ORDERS, order(2), key="k")
        await system.becomes(key(order(2)), "blocked")
        canceled = order(1, status="Canceled", last_update_date="2026-11-03T00:00:00Z")
        await system.publish(TopicName.ORDERS, canceled, key="k")
        await system.becomes(key(order(2)), "created")
    statuses = {
        document["amazon_order_id"]: document["status"]
        async for document in system.db.commerce_orders.find({})
    }
    assert statuses == {
        order(1)["amazon_order_id"]: "canceled",
        order(2)["amazon_order_id"]: "processing",
    }
    assert (await system.db.stock_items.find_one({"sku": "LAMP"}))["reserved"] == 1


async def test_older_news_and_copies_change_nothing(system: System) -> None:
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())
    async with system.worker():
        await system.eventually(lambda: _told(system, "products", 1), "the product is told")
        await system.eventually(lambda: _told(system, "stores", 1), "the store is told")
        older = order(1, status="PartiallyShipped", last_update_date="2026-11-02T09:59:59Z")
        await system.publish(TopicName.ORDERS, order(1), older, order(1), order(1), key="k")
        await system.publish(TopicName.ORDERS, order(2), key="k")
        await system.becomes(key(order(2)), "created")
        await system.becomes(key(order(1)), "created")
    document = await system.order(key(order(1)))
    assert (document["status"], document["received"], document["ignored"]) == ("Unshipped", 4, 3)
    assert len(only(await system.events(), amazon_order_id=order(1)["amazon_order_id"])) == 1


async def _told(system: System, collection: str, count: int) -> bool:
    return bool(await system.db[collection].count_documents({}) == count)


async def _reason_is(system: System, order_key: str, code: str) -> bool:
    reasons = (await system.order(order_key))["import"]["reasons"]
    return [reason["code"] for reason in reasons] == [code]

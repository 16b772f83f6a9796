"""What the console's health page tells."""

import re

import pytest

from models.checkpoint import OffsetReset
from models.messages import TopicPartition
from order_import.operations.health import Health, ServerHealth
from tests.unit.console_kit import NOW, a_client, a_context


async def lossy() -> Health:
    """Return the health of one partition cut off, and of one whose topic is another."""
    away = ServerHealth("MongoDB", "here", None, "away")
    source = TopicPartition("amazon.orders", 1)
    resets = [OffsetReset(source, 1276, 2500, NOW), OffsetReset(source, 40, 0, NOW)]
    return Health(away, away, resets=resets)


@pytest.mark.parametrize("language", ["en", "de"])
async def test_the_health_page_tells_what_kafka_deleted_before_it_was_read(language: str) -> None:
    async with a_client(a_context(check_health=lossy)) as client:
        page = await client.get("/health", headers={"accept-language": language})
    rows = re.findall(r"<tr>(.*?)</tr>", page.text, re.DOTALL)[-2:]
    told = [re.sub(r"<[^>]+>", " ", row).split() for row in rows]
    assert (
        told[0][-4:]
        == {
            "en": ["amazon.orders:1", "1,276", "2,500", "1,224"],
            "de": ["amazon.orders:1", "1.276", "2.500", "1.224"],
        }[language]
    )
    assert " ".join(told[1]).endswith(
        {"en": "40 0 topic was recreated", "de": "40 0 Topic neu angelegt"}[language]
    )

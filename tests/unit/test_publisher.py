"""The publisher's producer: replaced after a failure, and closed when nobody needs it."""

import asyncio
from typing import Any

from aiokafka.errors import KafkaConnectionError

from models.commands import Recheck
from models.messages import CommandMessage
from streams.publisher import Publisher
from tests.builders import an_event

COMMAND = CommandMessage("product:LAMP", Recheck(fact="product:LAMP"))


class Producer:
    """Sends commands when it knows their topic, which it never does once it is closed."""

    def __init__(self, *, fails: bool) -> None:
        self.fails = fails
        self.asked, self.knows_topic, self.closed = (asyncio.Event() for _ in range(3))

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        self.closed.set()

    async def send(self, topic: str, **_: object) -> "asyncio.Future[None]":
        if topic.endswith("commands"):
            self.asked.set()
            await self.knows_topic.wait()
            if self.closed.is_set():
                await asyncio.Event().wait()
        elif self.fails:
            raise KafkaConnectionError
        sent = asyncio.get_running_loop().create_future()
        sent.set_result(None)
        return sent


async def test_a_failure_of_one_topic_leaves_no_other_publication_waiting_forever() -> None:
    producers = [Producer(fails=True), Producer(fails=False)]
    first, second = producers

    class Nothing:
        """A consumer of topics where nothing is."""

        async def start(self) -> None:
            pass

        stop = start

        def assignment(self) -> tuple[()]:
            return ()

        async def end_offsets(self, _: object) -> dict[Any, int]:
            return {}

        async def offsets_for_times(self, _: object) -> dict[Any, Any]:
            return {}

    new: Any = lambda: producers.pop(0)  # noqa: E731 - it has no name of its own
    nothing: Any = lambda _: Nothing()  # noqa: E731
    publisher = Publisher(new, nothing, "", b"/test")
    await publisher.start()
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        waiting = group.create_task(publisher.publish([COMMAND]))
        await first.asked.wait()
        await publisher.publish([an_event()])
        assert not first.closed.is_set()
        first.knows_topic.set()
        await waiting
    assert first.closed.is_set()
    assert not second.closed.is_set()

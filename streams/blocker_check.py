"""The blocker-check stage: admitted orders become Commerce orders or are blocked."""

from collections.abc import Sequence

from storage.port import Transaction, Turn
from streams.bench import Bench
from streams.messages import Incoming
from streams.page import Page
from streams.stage import Stage


class BlockerCheckStage(Stage[tuple[str, Incoming]]):
    """See `streams.stage.Stage`."""

    def read(self, messages: Sequence[Incoming]) -> Sequence[tuple[str, Incoming]]:
        """Read the order keys. Only this program writes the topic; anything else has no order."""
        return [((message.key or b"").decode(errors="replace"), message) for message in messages]

    async def decide(
        self, read: Sequence[tuple[str, Incoming]], page: Page, transaction: Transaction
    ) -> None:
        """Judge each order that is still admitted, by the catalog and the stock as they are."""
        numbered = await transaction.take_turn(Turn.STOCK)
        known = await transaction.admitted_orders({key for key, _ in read})
        waiting = [record for record in known.values() if record.admitted]
        bench = Bench(page, transaction, numbered)
        await bench.prepare(waiting)
        for key, message in read:
            record = page.record(key)
            if record is not None and record.admitted:
                bench.judge(record, page.occasion(message))

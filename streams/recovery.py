"""Faust's recovery, with the part replaced that would have a worker never read again.

It is what takes up partitions after they were assigned, tables or not.
"""

from typing import Any

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from typing_extensions import override


class PatientRecovery(Recovery):
    """Takes up partitions however long the ledger is away.

    Faust takes a time-out for the order to stop: its recovery ends without a word, and the worker
    stays in the group and reads nothing, after the next rebalance neither.
    """

    @override
    async def _wait(self, coro: Any, timeout: Any = None) -> None:
        # The worker's end and the next rebalance still break it off.
        del timeout
        await super()._wait(coro)


class LedgerTables(TableManager):
    """Faust's keeper of tables, of which there are none."""

    @property
    @override
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = PatientRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

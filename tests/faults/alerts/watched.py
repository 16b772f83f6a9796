"""An installation as Prometheus sees it: workers on known ports, and a console."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from typing_extensions import override

from tests.faults.alerts.prometheus import RATE, Ports, Prometheus
from tests.faults.cluster import Cluster
from tests.faults.installation import Installation
from tests.faults.nursery import ROOT, Nursery, Worker
from tests.waiting import until


class Watched(Installation):
    """See the module. A worker that is started takes the first port that no other one has."""

    def __init__(
        self,
        servers: tuple[Cluster, Nursery, Prometheus],
        directory: Path,
        name: str,
        ports: Ports,
    ) -> None:
        cluster, nursery, prometheus = servers
        super().__init__(cluster, nursery, directory, name, seed=1)
        self.rate = RATE
        self.prometheus = prometheus
        self.made: float | None = None
        """When the fault had been made, or was over; of the monotonic clock."""
        self._ports = ports
        self._worker_of: dict[int, Worker] = {}
        self._starting = asyncio.Lock()

    async def seen(self, workers: int) -> None:
        """Wait until Prometheus has seen so many workers ready, and the console."""
        mine = f'namespace="{self.name}"'

        async def is_so() -> bool:
            ready = await self.prometheus.value(f"sum(order_import_worker_ready{{{mine}}})")
            console = await self.prometheus.value(f'up{{job="console", {mine}}}')
            return ready == workers and console == 1

        await until(is_so)

    @property
    def load_runs(self) -> bool:
        return bool(self._tasks)

    @override
    async def start(
        self,
        step: str = "",
        hit: int = 1,
        *,
        more: Mapping[str, str] = MappingProxyType({}),
        **options: Any,
    ) -> Worker:
        async with self._starting:
            port = next(
                port
                for port in self._ports.workers
                if port not in self._worker_of or not self._worker_of[port].alive
            )
            env = {**more, "ORDER_IMPORT_WORKER_HEALTH_PORT": str(port)}
            worker = await super().start(step, hit, more=env, **options)
            self._worker_of[port] = worker
            return worker

    @asynccontextmanager
    async def console(self) -> AsyncIterator[None]:
        """Run the console. It reaches the servers without the workers' proxy."""
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": self.cluster.bootstrap,
            "MONGO_URL": self.cluster.mongo_url,
            "MONGO_DATABASE": f"f_{self.name}",
            "TOPIC_PREFIX": f"{self.name}.",
            "CONSOLE_PORT": self._ports.page,
            "CONSOLE_METRICS_PORT": self._ports.console,
        }
        with (self.directory / "console.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "order_import", "console"),
                cwd=ROOT,
                env=os.environ
                | {f"ORDER_IMPORT_{name}": str(value) for name, value in settings.items()},
                stdout=log,
                stderr=log,
            )
        try:
            yield
        finally:
            process.terminate()
            await process.wait()

"""A broker that is set up as a test needs it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from typing_extensions import override

from order_import.devtools.embedded.kafka import KafkaServer


class ConfiguredKafka(KafkaServer):
    """A broker with other properties, and with users and passwords for SCRAM-SHA-512."""

    def __init__(
        self,
        directory: Path,
        properties: Mapping[str, str],
        scram: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(directory)
        self._added = properties
        self.format_options = [
            f"--add-scram=SCRAM-SHA-512=[name={user},password={password}]"
            for user, password in scram.items()
        ]

    @override
    def _configuration(self, port: int, controller_port: int, logs: str) -> str:
        text = super()._configuration(port, controller_port, logs)
        own = dict(line.split("=", 1) for line in text.splitlines() if line[0] != "#")
        for name, value in self._added.items():
            # A value that begins with a comma is appended.
            own[name] = own.get(name, "") + value if value.startswith(",") else value
        return "".join(f"{name}={value}\n" for name, value in own.items())

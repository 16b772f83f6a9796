"""MongoDB's protocol by SecantusDB: a separate program (GPL-2.0), started and never imported."""

import os
import shutil
import sys
from pathlib import Path
from typing import Literal

from order_import.devtools.embedded.jars import cache_dir
from order_import.devtools.embedded.process import (
    HOST,
    EmbeddedServerError,
    ServerProcess,
    mongo_answers,
    remembered_port,
)

MongoEngine = Literal["auto", "python", "rust"]
"""Which SecantusDB: its Python server (on PyPI), its faster Rust server, or what is there."""

RUST_BINARY_VARIABLE = "ORDER_IMPORT_SECANTUSD_RS"
"""Environment variable that names the Rust server where it is neither cached nor on PATH."""

CACHE_SIZE = "1G"
"""How much of its data the server keeps in memory, if nothing is said."""


class MongoServer:
    """A server whose databases live below one directory, always by the same engine.

    The two engines do not read each other's files, so the directory remembers its engine.
    """

    def __init__(self, directory: Path, engine: MongoEngine, cache_size: str = CACHE_SIZE) -> None:
        self._cache_size = cache_size
        self._directory = directory
        self._asked = engine
        self.process = ServerProcess("MongoDB (SecantusDB)", directory / "mongo.log")

    async def start(self, lock: int) -> str:
        """Starts the server and waits until clients can use it.

        Args:
            lock: The data directory's lock, held by the server too.

        Returns:
            Its connection URL.

        Raises:
            EmbeddedServerError: It cannot run; the message says why.
        """
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            engine, binary = self._choose()
            port = remembered_port(self._directory / "port")
            # An explicit file, else one lying about in the home directory would be read.
            configuration = self._directory / "secantusd.toml"
            configuration.touch()
        except OSError as error:
            raise EmbeddedServerError(
                f"cannot write MongoDB's directory {self._directory}: {error.strerror}"
            ) from error
        await self.process.spawn(
            [
                binary,
                *("--config", configuration),
                *("--host", HOST, "--port", str(port)),
                *("--storage-path", self._directory / engine),
                *("--cache-size", self._cache_size, "--log-level", "WARNING"),
                # Without it a kill -9 loses the last acknowledged transactions, j:true or not.
                "--sync-on-commit",
            ],
            lock=lock,
        )
        url = f"mongodb://{HOST}:{port}/?directConnection=true"
        await self.process.wait_ready(lambda: mongo_answers(port, url))
        return url

    def _choose(self) -> tuple[str, Path]:
        memory = self._directory / "engine"
        held = memory.read_text().strip() if memory.exists() else ""
        if held and self._asked not in {"auto", held}:
            raise EmbeddedServerError(
                f"{self._directory} holds data of the {held} engine, not of {self._asked}"
            )
        rust = _rust_binary()
        engine = held or self._asked
        if engine == "auto":
            engine = "rust" if rust else "python"
        binary = rust if engine == "rust" else _python_script()
        if binary is None:
            missing = (
                "secantusd-rs (Rust)" if engine == "rust" else "secantusd-py ('embedded' extra)"
            )
            raise EmbeddedServerError(f"the embedded MongoDB server is missing: {missing}")
        memory.write_text(f"{engine}\n")
        return engine, binary


def _rust_binary() -> Path | None:
    named = os.environ.get(RUST_BINARY_VARIABLE)
    if named:
        if not shutil.which(named):
            raise EmbeddedServerError(f"{RUST_BINARY_VARIABLE} names no program: {named}")
        return Path(named).absolute()
    found = shutil.which(cache_dir() / "bin" / "secantusd-rs") or shutil.which("secantusd-rs")
    return Path(found).absolute() if found else None


def _python_script() -> Path | None:
    script = Path(sys.executable).parent / "secantusd-py"
    return script if script.exists() else None

"""The embedded database: SecantusDB, a separate GPL-2.0 program that is never imported."""

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
"""SecantusDB's Python server (on PyPI), its faster Rust server, or whichever is available."""

RUST_BINARY_VARIABLE = "ORDER_IMPORT_SECANTUSD_RS"
"""The environment variable with the Rust server's path if it is neither cached nor on PATH."""

CACHE_SIZE = "1G"
"""Default size of the server's cache in memory."""


class MongoServer:
    """A server with its databases in one directory, which always uses the same engine.

    The two engines cannot read each other's files, so the directory stores its engine.
    """

    def __init__(self, directory: Path, engine: MongoEngine, cache_size: str = CACHE_SIZE) -> None:
        self._cache_size = cache_size
        self._directory = directory
        self._requested = engine
        self.process = ServerProcess("MongoDB (SecantusDB)", directory / "mongo.log")

    async def start(self, lock: int) -> str:
        """Start the server, wait until clients can use it, and return its connection URL.

        The server inherits the data directory's lock.

        Raises:
            EmbeddedServerError: It cannot run; the message says why.
        """
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            engine, binary = self._choose()
            port = remembered_port(self._directory / "port")
            # An explicit file, because otherwise one in the home directory would be read.
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
        file = self._directory / "engine"
        stored = file.read_text().strip() if file.exists() else ""
        if stored and self._requested not in {"auto", stored}:
            raise EmbeddedServerError(
                f"{self._directory} has data of the {stored} engine, not of {self._requested}"
            )
        rust = _rust_binary()
        engine = stored or self._requested
        if engine == "auto":
            engine = "rust" if rust else "python"
        binary = rust if engine == "rust" else _python_script()
        if binary is None:
            missing = (
                "secantusd-rs (Rust)" if engine == "rust" else "secantusd-py ('embedded' extra)"
            )
            raise EmbeddedServerError(f"the embedded MongoDB server is missing: {missing}")
        file.write_text(f"{engine}\n")
        return engine, binary


def _rust_binary() -> Path | None:
    configured = os.environ.get(RUST_BINARY_VARIABLE)
    if configured:
        if not shutil.which(configured):
            raise EmbeddedServerError(f"{RUST_BINARY_VARIABLE} is not a program: {configured}")
        return Path(configured).absolute()
    installed = shutil.which(cache_dir() / "bin" / "secantusd-rs") or shutil.which("secantusd-rs")
    return Path(installed).absolute() if installed else None


def _python_script() -> Path | None:
    script = Path(sys.executable).parent / "secantusd-py"
    return script if script.exists() else None

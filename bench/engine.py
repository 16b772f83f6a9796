"""The Rust server of MongoDB's protocol, built once into the machine's cache."""

import shutil
import subprocess

from bench.servers import screen
from order_import.devtools.embedded.jars import cache_dir, locked_cache

CRATE, VERSION = "secantus-mdb", "0.5.3-beta.196"
BINARY = "secantusd-rs"


def build_engine() -> bool:
    """Build the server if it is missing, which takes minutes; print why if it cannot be built.

    Returns:
        Whether the machine has it.
    """
    if shutil.which(cache_dir() / "bin" / BINARY) or shutil.which(BINARY):
        return True
    cargo = shutil.which("cargo")
    if cargo is None:
        screen.print(
            f"[bold red]No {BINARY}, and no cargo to build it with: MongoDB is the Python engine, "
            "five to fifteen times slower. Ratios will differ."
        )
        return False
    screen.print(f"building {BINARY} {VERSION} (once, about 7 minutes on 2 cores)")
    with locked_cache() as cache:
        built = subprocess.run(
            [
                *(cargo, "install", CRATE, "--version", VERSION, "--ignore-rust-version"),
                *("--root", cache),
            ],
            check=False,
        )
    if built.returncode:
        screen.print(f"[bold red]{BINARY} could not be built: MongoDB is the Python engine.")
    return not built.returncode

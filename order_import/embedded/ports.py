"""Ports on the loopback address, the same at every start where that is possible."""

import socket
from pathlib import Path

HOST = "127.0.0.1"


def remembered_port(memory: Path) -> int:
    """Gives the port written in a file if it is free now, else a free one, and writes it down."""
    try:
        port = int(memory.read_text())
    except (FileNotFoundError, ValueError):
        port = 0
    try:
        port = _bind(port)
    except (OSError, OverflowError):
        port = _bind(0)
    memory.write_text(f"{port}\n")
    return port


def _bind(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        return int(probe.getsockname()[1])

"""The command line: one command a file, all speaking to people and, with --json, to programs."""

from order_import.cli.app import main

__all__ = ["main"]

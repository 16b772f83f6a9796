"""The program: settings, the worker process, operations, command line, console and dev tools."""

__version__ = "0.1.0"

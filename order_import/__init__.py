"""The program: settings, the worker process, operations, command line, console and dev tools."""

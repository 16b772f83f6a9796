"""The command line: one file per command, with output for people or, with --json, programs."""

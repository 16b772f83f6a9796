"""The command line: one command a file, all speaking to people and, with --json, to programs."""

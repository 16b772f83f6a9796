"""The worker's own code in one process, on a log and a database in memory: every crash, every seed.

Nothing here waits for a clock or a server; see tests/faults/README.md.
"""

"""The program in one process, on a log and a database in memory, in a time of its own.

A `World` is what stays when processes go; a `Process` is the worker's own processors, handlers and
publisher over it. What comes over them at each step is the weather: calm, a strike at a given step,
or a storm by seed. `invariants` says what must be true whatever happened.
"""

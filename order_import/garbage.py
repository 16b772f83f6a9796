"""Python's search for garbage in cycles, made rare."""

import gc


def collect_less_often() -> None:
    """Leave what lives as long as the process out of the search, and search less often.

    A batch, or a page, makes ten thousands of objects, and hardly a cycle: with the usual
    thresholds a fifth of the worker's time went into looking for some, and one search is a pause
    of some 70 ms that a visitor of the console waits for.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)

"""Python's cyclic garbage collector, set for processes that serve."""

import gc

THRESHOLDS = (20_000, 20, 50)


def tune_garbage_collection() -> None:
    """What was made at the start lives as long as the process: it is not examined again.

    To be called at the end of a start. Requests and connections leave few cycles behind, so a
    collection of all that lives, which stops the process for tens of milliseconds with ten thousand
    connections, is seldom worth its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)

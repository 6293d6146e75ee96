"""Python's cyclic garbage collector, tuned for servers."""

import gc

THRESHOLDS = (20_000, 20, 50)


def tune_garbage_collection() -> None:
    """What was created at startup lives as long as the process: the collector skips it.

    Call it at the end of startup. Requests and connections leave few cycles behind, so a collection
    of all live objects, which stops a process with ten thousand connections for tens of
    milliseconds, is rarely worth its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)

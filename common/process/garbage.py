"""Python's cyclic garbage collector, set for processes that serve."""

import gc

THRESHOLDS = (20_000, 20, 50)


def tune_collector() -> None:
    """What was made at the start lives as long as the process: the collector need not look at it.

    To be called when everything stands. Requests and connections leave few cycles behind, so young
    objects are few, and a round over all that lives (tens of ms with ten thousand connections, in
    which nobody is served) is worth having seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)

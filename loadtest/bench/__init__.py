"""`make bench`: the measurements of a run, their targets, and the report."""

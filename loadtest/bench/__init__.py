"""`make bench`: what is measured in one run, what it must reach, and how it is told."""

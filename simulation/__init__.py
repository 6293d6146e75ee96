"""The product's own modules on a virtual clock and a simulated network, run with thousands of
seeds.

One seed determines everything that happens: the schedule, the network, the faults, the ids. The
same seed gives the same run. See docs/reliability.md.
"""

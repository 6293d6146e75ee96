"""The product's own modules on a virtual clock and a simulated network, by the thousand seeds.

One seed decides everything that happens: the schedule, the network, the faults, the ids. The same
seed gives the same run. See docs/reliability.md.
"""

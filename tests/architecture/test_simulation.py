"""The simulation keeps up with the product; fast enough for every check."""

from simulation.__main__ import run_seeds


def test_the_simulation_knows_all_that_processes_ask_of_their_stores() -> None:
    """A new statement of a store needs its method in simulation/store; two seeds use most."""
    results = list(run_seeds(1, 2, jobs=1))
    assert [result["breach"] for result in results] == [None, None]

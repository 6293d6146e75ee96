"""An exhaustive check of the two-phase commit, and of the need for each of its rules."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.properties.two_phase import Rules, State, next_states, violation


def find_violation(rules: Rules, transactions: int, ticks: int) -> list[str]:
    """The steps of a shortest path to a forbidden state; empty if there is none."""
    start = State(ticks_left=ticks)
    seen = {start}
    reached: list[tuple[State, list[str]]] = [(start, [])]
    while reached:
        further = []
        for state, steps in reached:
            for name, after in next_states(state, rules, transactions):
                if after in seen:
                    continue
                seen.add(after)
                if what := violation(after, rules):
                    return [*steps, name, what]
                further.append((after, [*steps, name]))
        reached = further
    return []


@pytest.mark.parametrize(("transactions", "ticks"), [(1, 3), (2, 0)])
def test_no_interleaving_breaks_the_promise(transactions: int, ticks: int) -> None:
    """Messages lost, duplicated or late, a crash at every step, recovery in any order: chats and
    users agree once all is resolved, and an aborted change is never visible."""
    assert find_violation(Rules(), transactions, ticks) == []


@pytest.mark.parametrize("rule", Rules._fields)
def test_every_rule_is_needed(rule: str) -> None:
    """Without any one of the rules the check finds a violation."""
    broken = Rules(**{rule: False})
    steps = find_violation(broken, 1, 3) or find_violation(broken, 2, 0)
    assert steps, f"{rule} may be left out"
    print(f"without {rule}: {'; '.join(steps)}")


class ThreeTransactions(RuleBasedStateMachine):
    """A random walk, beyond what can be checked exhaustively."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State(ticks_left=4)

    @rule(choice=st.integers(min_value=0, max_value=2**16))
    def go_on(self, choice: int) -> None:
        possible = sorted(next_states(self.state, Rules(), 3), key=lambda move: move[0])
        if possible:
            _, self.state = possible[choice % len(possible)]

    @invariant()
    def nothing_is_broken(self) -> None:
        assert violation(self.state, Rules()) is None


TestThreeTransactions = ThreeTransactions.TestCase
TestThreeTransactions.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)

"""A model of one membership change across two databases, small enough to try every interleaving.

The coordinator's decisions are the real ones of chats/membership/commitment.py; the two databases
and the network around it are modelled. Messages are never removed from the network, so that each
may arrive late, twice or never; a coordinator may die at every step. `Rules` can be broken one by
one.
"""

from collections.abc import Iterator
from typing import NamedTuple

from chats.membership.commitment import (
    ABORT_KEPT_SECONDS,
    MAX_COMMIT_AGE_SECONDS,
    Next,
    Step,
    Stored,
    Vote,
    after_asking,
    after_store,
    after_vote,
)

IN_DOUBT_SECONDS = 3
TICKS = (5, 30, 250)  # in doubt; too old to commit; aborts may be gone
WAITS_FOR_VOTE = Step.AGAIN


class Rules(NamedTuple):
    """The assumptions of the protocol; all of them hold in the real system."""

    commit_is_inserted_plainly: bool = True
    asking_writes_an_abort: bool = True
    old_transactions_are_not_committed: bool = True
    version_is_checked: bool = True
    aborts_are_kept: bool = True
    prepared_once: bool = True


class Transaction(NamedTuple):
    """One attempt to add or remove one person; `step` is what its coordinator waits for, or None if
    it has died or ended."""

    adds: bool
    version: int
    began: int
    step: Step | None


class Message(NamedTuple):
    kind: str  # prepare, vote, store, stored, ask, decided, finish, acknowledged
    transaction: int
    yes: bool = True


class State(NamedTuple):
    """Everything at one moment; `*_done` record past steps, for the invariants."""

    clock: int = 0
    ticks_left: int = 0
    transactions: tuple[Transaction, ...] = ()
    network: frozenset[Message] = frozenset()
    # chats' database
    takes_part: bool = False
    version: int = 1
    decisions: frozenset[tuple[int, bool, int]] = frozenset()  # transaction, committed, when
    stored: frozenset[int] = frozenset()  # a commit is sent once and finishes once
    chats_done: frozenset[int] = frozenset()
    wrong_event: bool = False
    # users' database
    is_member: bool = False
    prepared: tuple[tuple[int, int], ...] = ()  # transaction, when; the chat's lock admits one
    users_committed: frozenset[int] = frozenset()
    users_done: tuple[int, ...] = ()
    rolled_back: frozenset[int] = frozenset()


def next_states(state: State, rules: Rules, transactions: int) -> Iterator[tuple[str, State]]:
    """Every possible next state, with the name of the step."""
    if state.ticks_left:
        for seconds in TICKS:
            yield (
                f"{seconds} s pass",
                state._replace(clock=state.clock + seconds, ticks_left=state.ticks_left - 1),
            )
    if len(state.transactions) < transactions:
        yield "begin", _begin(state)
    for message in state.network:
        after = _deliver(state, message, rules)
        if after != state:
            yield f"deliver {message}", after
    for number, transaction in enumerate(state.transactions):
        if transaction.step is not None:
            yield f"coordinator of {number} dies", _move(state, number, None)
            yield f"coordinator of {number} waits no longer", _time_out(state, number)
    for number, when in state.prepared:
        if state.clock - when >= IN_DOUBT_SECONDS:
            yield f"resolver asks for {number}", _send(state, Message("ask", number))
    cleaned = _clean_up(state, rules)
    if cleaned != state:
        yield "aborts are cleaned up", cleaned


def violation(state: State, rules: Rules) -> str | None:
    """The broken invariant, or None."""
    if state.wrong_event:
        return "an event that was not true when it was committed"
    if not set(state.users_done) <= state.chats_done:
        return "users committed what chats did not"
    if state.rolled_back & state.chats_done - set(state.users_done):
        return "users rolled back what chats committed"
    if len(state.users_done) != len(set(state.users_done)):
        return "a transaction was applied twice"
    settled = resolve_all(state, rules)
    if settled.is_member != settled.takes_part:
        return "memberships and participants differ after all is resolved"
    return None


def resolve_all(state: State, rules: Rules) -> State:
    """users' resolver asks for every prepared transaction, and no message is lost."""
    while state.prepared:
        number, _ = state.prepared[0]
        state, committed = _decide(state, number, rules)
        state = _finish(state, number, committed)
    return state


def _begin(state: State) -> State:
    new = Transaction(not state.takes_part, state.version, state.clock, WAITS_FOR_VOTE)
    number = len(state.transactions)
    state = state._replace(transactions=(*state.transactions, new))
    return _send(state, Message("prepare", number))


def _deliver(state: State, message: Message, rules: Rules) -> State:
    kind, number, yes = message
    match kind:
        case "prepare":
            return _prepare(state, number, rules)
        case "vote" if state.transactions[number].step is WAITS_FOR_VOTE:
            return _go_on(state, number, after_vote(Vote.YES))
        case "store" if number not in state.stored:
            return _store(state, number, rules)
        case "stored" if state.transactions[number].step is Step.STORE:
            return _go_on(state, number, after_store(Stored.DONE if yes else Stored.REFUSED))
        case "ask":
            state, committed = _decide(state, number, rules)
            return _send(state, Message("decided", number, committed))
        case "decided":
            if state.transactions[number].step is Step.ASK:
                state = _go_on(state, number, after_asking(yes))
            return _finish(state, number, yes)
        case "finish":
            return _finish(state, number, yes)
        case "acknowledged":
            kept = frozenset(d for d in state.decisions if d[:2] != (number, True))
            return state._replace(decisions=kept)
    return state


def _prepare(state: State, number: int, rules: Rules) -> State:
    if rules.prepared_once and number in state.users_committed:
        return _send(state, Message("vote", number))
    if state.prepared:  # its own, or another one that holds the chat's lock
        return state
    state = state._replace(prepared=((number, state.clock),))
    return _send(state, Message("vote", number))


def _store(state: State, number: int, rules: Rules) -> State:
    transaction = state.transactions[number]
    state = state._replace(stored=state.stored | {number})
    too_old = state.clock - transaction.began > MAX_COMMIT_AGE_SECONDS
    moved = transaction.version != state.version
    known = any(decided == number for decided, _, _ in state.decisions)
    if (
        (too_old and rules.old_transactions_are_not_committed)
        or (moved and rules.version_is_checked)
        or (known and rules.commit_is_inserted_plainly)
    ):
        return _send(state, Message("stored", number, False))
    others = frozenset(d for d in state.decisions if d[0] != number)
    state = state._replace(
        decisions=others | {(number, True, state.clock)},
        wrong_event=state.takes_part == transaction.adds,
        takes_part=transaction.adds,
        version=state.version + 1,
        chats_done=state.chats_done | {number},
    )
    return _send(state, Message("stored", number, True))


def _decide(state: State, number: int, rules: Rules) -> tuple[State, bool]:
    for decided, committed, _ in state.decisions:
        if decided == number:
            return state, committed
    if rules.asking_writes_an_abort:
        abort = (number, False, state.clock)
        state = state._replace(decisions=state.decisions | {abort})
    return state, False


def _finish(state: State, number: int, commit: bool) -> State:
    if not any(prepared == number for prepared, _ in state.prepared):
        return state
    state = state._replace(prepared=())
    if not commit:
        return state._replace(rolled_back=state.rolled_back | {number})
    state = state._replace(
        is_member=state.transactions[number].adds,
        users_committed=state.users_committed | {number},
        users_done=(*state.users_done, number),
    )
    return _send(state, Message("acknowledged", number))


def _clean_up(state: State, rules: Rules) -> State:
    kept_seconds = ABORT_KEPT_SECONDS if rules.aborts_are_kept else 0
    kept = frozenset(
        (number, committed, when)
        for number, committed, when in state.decisions
        if committed or state.clock - when < kept_seconds
    )
    return state._replace(decisions=kept)


def _time_out(state: State, number: int) -> State:
    match state.transactions[number].step:
        case Step.STORE:
            return _go_on(state, number, after_store(Stored.UNKNOWN))
        case Step.ASK:
            return _go_on(state, number, after_asking(None))
        case _:
            return _go_on(state, number, after_vote(Vote.UNKNOWN))


def _go_on(state: State, number: int, after: Next) -> State:
    if after.finish is not None:
        state = _send(state, Message("finish", number, after.finish))
    match after.step:
        case Step.STORE:
            return _move(_send(state, Message("store", number)), number, Step.STORE)
        case Step.ASK:
            return _move(_send(state, Message("ask", number)), number, Step.ASK)
        case _:
            return _move(state, number, None)


def _move(state: State, number: int, step: Step | None) -> State:
    moved = list(state.transactions)
    moved[number] = moved[number]._replace(step=step)
    return state._replace(transactions=tuple(moved))


def _send(state: State, message: Message) -> State:
    return state._replace(network=state.network | {message})

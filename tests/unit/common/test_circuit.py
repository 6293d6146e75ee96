"""When a replica is out and when a circuit is open, as pure decisions."""

from common.calls.circuit import OPEN_AFTER_SECONDS, Circuit


def is_open(circuit: Circuit, readiness: dict[str, bool], at: float) -> bool:
    """Whether it is, once it has judged this."""
    circuit.judge(readiness, at)
    return circuit.is_open


def test_a_replica_that_breaks_is_out_until_a_probe_finds_it_ready() -> None:
    """It stays out while probes fail and is back after the first that succeeds."""
    circuit = Circuit()
    circuit.break_off("a", 0)
    circuit.judge({"a": False, "b": True}, 1)
    assert circuit.out == {"a"}
    circuit.judge({"a": True, "b": True}, 2)
    assert circuit.out == set()
    assert not circuit.need_probes


def test_one_ready_replica_keeps_the_role() -> None:
    """However long a replica is out, the circuit stays closed while another one is ready."""
    circuit = Circuit()
    circuit.break_off("a", 0)
    circuit.judge({"a": False, "b": True}, 100)
    assert not circuit.is_open


def test_a_role_is_given_up_after_five_seconds() -> None:
    """The circuit opens after five seconds, not before: the restart of a process is waited out."""
    circuit = Circuit()
    circuit.break_off("a", 10)
    assert not is_open(circuit, {"a": False}, 10 + OPEN_AFTER_SECONDS - 0.1)
    assert is_open(circuit, {"a": False}, 10 + OPEN_AFTER_SECONDS)
    assert not is_open(circuit, {"a": True}, 20)


def test_a_served_call_starts_the_clock_anew() -> None:
    """Failures on both sides of a success do not add up."""
    circuit = Circuit()
    circuit.fail(0)
    circuit.serve("a")
    assert not circuit.need_probes
    circuit.fail(6)
    circuit.judge({"a": False}, 7)
    assert not circuit.is_open


def test_a_role_without_replicas_is_given_up_too() -> None:
    """If no replica is known, none can be ready."""
    circuit = Circuit()
    circuit.fail(0)
    circuit.judge({}, OPEN_AFTER_SECONDS)
    assert circuit.is_open


def test_a_replica_that_is_gone_is_forgotten() -> None:
    """An address that is no longer listed needs no probes."""
    circuit = Circuit()
    circuit.break_off("a", 0)
    circuit.judge({"b": True}, 1)
    assert circuit.out == set()

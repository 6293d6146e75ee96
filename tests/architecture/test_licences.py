"""The licences of Hubbub's dependencies are listed, and allow it to be distributed."""

import re

from deploy.licences import PAGE, PROGRAMS, locked

ROW = re.compile(r"^\| (\S+) \| (\S+) \| (.+) \|$", re.MULTILINE)


def test_every_locked_package_is_listed_with_its_licence() -> None:
    """`make licences` was run after the last change of a lock."""
    rows = {name: version for name, version, _ in ROW.findall(PAGE.read_text())}
    assert rows.items() >= {**locked("dev"), **locked("run")}.items()


def test_nothing_that_is_linked_demands_our_source() -> None:
    """GPL and AGPL only for separate programs; no licence is unknown."""
    run = locked("run").keys() - set(PROGRAMS)
    for name, _, licence in ROW.findall(PAGE.read_text()):
        assert licence != "unknown", name
        if name in run:
            assert not re.search(r"(?<!L)(?<!Lesser )A?GPL", licence), name

"""Services by fork: a process that shares memory behaves exactly like one that does not."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import indent

import pytest

from fleet.processes import forked as module
from fleet.processes.children import wait_for_exit
from fleet.processes.forked import Template, reap_adopted
from fleet.processes.template import SERVICES
from fleet.settings import PROJECT_FOLDER

SERVICE = """
import os, sys
said = [os.getpid(), os.getppid(), *sorted(os.environ), sys.argv[0]]
said += [os.readlink("/proc/self/fd/" + os.environ.get("NUMBER", "0"))]
said += [open("/proc/self/cmdline").read().rstrip("\\0").replace("\\0", " ")]
print(*said, sep="\\n")
sys.exit("it ends")
"""
# Prints its open sockets.
LOOKING = """
import os
for link in os.scandir("/proc/self/fd"):
    if int(link.name) > 2 and os.path.exists(link.path) and ":[" in os.readlink(link.path):
        print(os.readlink(link.path))
"""
# Prints each service's metrics, started and then forked.
METRICS = """
import importlib, json, os
from prometheus_client import REGISTRY
from fleet.processes.template import SERVICES, SHARED, load_services

def each(become):
    for role in SERVICES:
        if os.fork() == 0:
            become(role)
            line = json.dumps([role, *sorted(metric.name for metric in REGISTRY.collect())])
            os.write(1, line.encode() + b"\\n")
            os._exit(0)
        os.wait()

for module in SHARED:
    importlib.import_module(module)
each(lambda role: importlib.import_module(role + ".__main__"))
each(load_services().take)
"""


@pytest.fixture
async def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Template]:
    """A template that also knows `a_service` and `another`. It may take longer than the fleet,
    which goes on without one, has time for it."""
    monkeypatch.setattr(module, "LOAD_SECONDS", 120.0)
    monkeypatch.setattr(module, "FORK_SECONDS", 30.0)
    for name, program in (("a_service", SERVICE), ("another", LOOKING)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__main__.py").write_text(f"def main():\n{indent(program, '    ')}")
    template = Template({**os.environ, "PYTHONPATH": str(tmp_path)}, PROJECT_FOLDER, ())
    await template.load()
    yield template
    template.close()
    assert template._process is not None
    await wait_for_exit(template._process)


async def test_it_says_which_variables_services_read(template: Template) -> None:
    """Of every service, and those of all."""
    assert {
        "HUBBUB_LISTEN", "HUBBUB_ORIGINS", "HUBBUB_SIGNUP", "HUBBUB_EDGE_CACHE_BYTES",
        "HUBBUB_FILES_URL", "HUBBUB_USERS_DATABASE_URL", "HUBBUB_CHATS_DATABASE_URL",
    } <= template.variables  # fmt: skip


async def test_a_forked_service_is_a_child_with_its_own_surroundings(
    template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parent, environment, descriptors, name, output and exit code are as if it had been started as
    a program. Its input does not go through the template, whose memory the next service shares; nor
    does it have the connection to the template. Once the code has changed, nothing is forked: no
    process is half old, half new."""
    asked = []

    def send(channel: socket.socket, parts: list[bytes], descriptors: list[int]) -> int:
        asked.extend(parts)
        return send_fds(channel, parts, descriptors)

    send_fds = socket.send_fds
    monkeypatch.setattr(socket, "send_fds", send)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        forked = template.fork("a_service", env={"NUMBER": str(number)}, pass_fds=(number,))
        passed = os.readlink(f"/proc/self/fd/{number}")
    assert forked is not None
    assert await wait_for_exit(forked) == 1
    with forked.stdout as output:
        pid, parent, *said = output.read().decode().splitlines()
    assert (int(pid), int(parent)) == (forked.pid, os.getpid())
    variables = [word for word in said if word in os.environ or word == "NUMBER"]
    assert variables == ["NUMBER"]
    assert said[-4:-2] == ["a_service", passed]
    assert said[-2].endswith("-m a_service")
    assert said[-1] == "it ends"
    another = template.fork("another", env={"SECRET": "a password"}, pass_fds=())
    assert another is not None
    await wait_for_exit(another)
    with another.stdout as output:
        assert output.read() == b""
    assert len(asked) == 2
    assert b"password" not in b"".join(asked)
    monkeypatch.setattr(module, "code_of", lambda _: {})
    assert template.fork("a_service", env={}, pass_fds=()) is None


async def test_without_a_template_there_is_no_fork_and_soon_another_template(
    template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fleet then starts the service as a program, and loads another template."""
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    assert not template.is_to_be_loaded()
    assert template._process is not None
    template._process.kill()
    await wait_for_exit(template._process)
    assert template.fork("a_service", env={}, pass_fds=()) is None
    assert template.is_to_be_loaded()


def test_a_forked_service_has_the_metrics_of_a_started_one() -> None:
    """Those of other services, which the template has loaded too, are left out."""
    done = subprocess.run(
        [sys.executable, "-c", METRICS], cwd=PROJECT_FOLDER, capture_output=True, check=True
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    started, forked = found[: len(SERVICES)], found[len(SERVICES) :]
    assert len(forked) == len(SERVICES)
    for started_one, forked_one in zip(started, forked, strict=True):
        assert started_one == forked_one


def test_what_others_left_behind_is_waited_for() -> None:
    """Unknown children, which would stay zombies, are reaped; known ones are left to their
    owners."""
    own = _ended_child(3)
    reap_adopted([own])
    assert os.waitstatus_to_exitcode(os.waitpid(own, 0)[1]) == 3
    stray = _ended_child(4)
    reap_adopted([own])
    with pytest.raises(ChildProcessError):
        os.waitpid(stray, os.WNOHANG)


def _ended_child(code: int) -> int:
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {code}"], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid

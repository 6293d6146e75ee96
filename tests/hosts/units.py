"""A substitute for systemd on a host of a test: `systemctl enable --now`, `start`, `stop`,
`reload`, `daemon-reload`.

Runs the command of a unit in deploy/hosts as the unit's user, and restarts it when it ends. Knows
only the settings of those units that matter here; ignores hardening. `boot` starts enabled units.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

UNITS: Final = Path("/etc/systemd/system")
WANTED: Final = UNITS / "multi-user.target.wants"
RUNNING: Final = Path("/run/units")
LOGS: Final = Path("/var/log/hubbub")
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KNOWN: Final = (
    "EnvironmentFile", "Environment", "ExecStart", "ExecReload", "User", "StateDirectory",
    "StateDirectoryMode", "RuntimeDirectory", "RuntimeDirectoryMode", "AmbientCapabilities",
    "Restart", "RestartSec", "KillMode", "TimeoutStopSec",
)  # fmt: skip
NOT_DONE: Final = (
    "LimitNOFILE", "NoNewPrivileges", "PrivateTmp", "ProtectHome", "ProtectSystem",
)  # fmt: skip


def read_unit(name: str) -> dict[str, str]:
    """Its section Service; `hubbub@users` is read from `hubbub@.service`."""
    stem, at, instance = name.partition("@")
    text = (UNITS / f"{stem}{at}.service").read_text()
    found: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            key, _, value = line.partition("=")
            if key not in KNOWN + NOT_DONE:
                raise ValueError(f"{name}: {key} is not known here")
            found[key] = value.replace("%i", instance)
    return found


def environment_of(unit: dict[str, str]) -> dict[str, str]:
    """As systemd reads it: one assignment per line, without quotes."""
    lines = Path(unit["EnvironmentFile"]).read_text().splitlines()
    lines.append(unit.get("Environment", ""))
    words = (shlex.split(line, comments=True) for line in lines)
    assigned = dict(word.split("=", 1) for found in words for word in found)
    return {"PATH": PATH, "LANG": "C.UTF-8"} | assigned


def command_of(unit: dict[str, str]) -> list[str]:
    become = ["setpriv", f"--reuid={unit['User']}", f"--regid={unit['User']}", "--init-groups"]
    if "AmbientCapabilities" in unit:
        capability = "+" + unit["AmbientCapabilities"].removeprefix("CAP_").lower()
        become += ["--inh-caps", capability, "--ambient-caps", capability]
    return [*become, "--", *shlex.split(unit["ExecStart"])]


def supervise(name: str) -> None:
    """Runs it until SIGTERM."""
    unit = read_unit(name)
    for what, where in (("StateDirectory", "/var/lib"), ("RuntimeDirectory", "/run")):
        if what in unit:
            folder = Path(where, unit[what])
            folder.mkdir(exist_ok=True)
            folder.chmod(int(unit.get(f"{what}Mode", "0755"), 8))
            shutil.chown(folder, unit["User"], unit["User"])
    child: subprocess.Popen[bytes] | None = None
    has_ended = False

    def end(*_: object) -> None:
        nonlocal has_ended
        has_ended = True
        if child is not None:
            child.terminate()

    def is_over() -> bool:
        return has_ended

    def reload(*_: object) -> None:
        if child is not None:
            words = shlex.split(unit["ExecReload"].replace("$MAINPID", str(child.pid)))
            subprocess.run(words, check=True)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, reload)
    with (LOGS / f"{name}.log").open("ab") as output:
        while not is_over():
            child = subprocess.Popen(
                command_of(unit), env=environment_of(unit), cwd="/", stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
            if is_over():  # SIGTERM arrived meanwhile
                child.terminate()
            child.wait()
            if not is_over():
                time.sleep(float(unit["RestartSec"]))


def start(name: str) -> None:
    if is_active(name):
        return
    for folder in (RUNNING, LOGS):
        folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hosts.units", "supervise", name],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    (RUNNING / name).write_text(str(process.pid))


def stop(name: str) -> None:
    if not is_active(name):
        return
    pid = int((RUNNING / name).read_text())
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + float(read_unit(name)["TimeoutStopSec"])
    while is_active(name):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} does not stop")
        time.sleep(0.05)


def reload(name: str) -> None:
    os.kill(int((RUNNING / name).read_text()), signal.SIGHUP)


def is_active(name: str) -> bool:
    try:
        stat = Path(f"/proc/{int((RUNNING / name).read_text())}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"  # it may be a zombie


def enabled() -> list[str]:
    return sorted(path.name for path in WANTED.glob("*"))


def main(words: list[str]) -> None:
    verb, *names = words
    now = "--now" in names
    names = [name.removesuffix(".service") for name in names if name != "--now"]
    match verb:
        case "supervise":
            supervise(*names)
        case "boot":
            for name in enabled():
                start(name)
        case "enable":
            WANTED.mkdir(exist_ok=True)
            for name in names:
                read_unit(name)
                (WANTED / name).touch()
                if now:
                    start(name)
        case "daemon-reload":
            pass  # units are read when they are started
        case "start" | "stop" | "reload":
            for name in names:
                {"start": start, "stop": stop, "reload": reload}[verb](name)
        case _:
            raise SystemExit(f"systemctl {verb} is not known here")


if __name__ == "__main__":
    main(sys.argv[1:])

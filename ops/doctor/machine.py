"""Checks of the machine: programs, packages, descriptors, disk, clock, secrets."""

import re
from collections.abc import Iterator
from typing import Final

from common.database.migrations import OLDEST_POSTGRES
from common.process.symptoms import (
    CERTIFICATE_EXPIRES,
    CREDENTIAL_REFUSED,
    LEAST_CERTIFICATE_SECONDS,
)
from fleet.processes.descriptors import GOOD_DESCRIPTORS, more_descriptors
from ops.doctor.check import Finding
from ops.doctor.remedies import have_more, know_callers_again, quoted, secret_of, start_anew
from ops.doctor.scene import Scene

OLDEST: Final = {
    "python": (3, 11),
    "postgres": (OLDEST_POSTGRES // 10_000,),
    "valkey": (7, 2),
    "haproxy": (2, 8),
}
LEAST_DESCRIPTORS: Final = 4096  # about 1,800 sockets: each takes two in the balancer
MOST_DESCRIPTORS_SHARE: Final = 0.8
LEAST_FREE_BYTES: Final = 500 * 1024 * 1024
LEAST_FREE_FILES: Final = 10_000
MOST_CLOCK_SECONDS: Final = 2.0
NEW_KEYS: Final = "make rotate-keys REVOKE=yes && make restart"


def judge_versions(scene: Scene) -> Iterator[Finding]:
    anew = start_anew(scene)
    reinstall = f"rm -f .venv/*.stamp && {anew}"
    for program, said in scene.programs.items():
        found = re.search(r"(\d+)\.(\d+)", said)
        oldest = OLDEST[program]
        needed = ".".join(map(str, oldest))
        if found is None:
            yield Finding(f"There is no {program}: {said}", "It is not installed whole.", reinstall)
        elif tuple(map(int, found.groups()))[: len(oldest)] < oldest:
            yield Finding(
                f"{program} is {found[0]}, and must be {needed} or newer.",
                "Another program than the one of the lock is used.",
                reinstall
                if program != "python"
                else f"rm -rf .venv && make PYTHON=python3.11 .venv/run.stamp && {anew}",
            )
    if scene.packages:
        differing = ", ".join(
            f"{name} {installed or 'missing'} instead of {locked}"
            for name, (locked, installed) in sorted(scene.packages.items())
        )
        yield Finding(
            f"Packages differ from deploy/locks/run.txt: {differing}.",
            "The code was updated, or something was installed by hand.",
            reinstall,
        )


def judge_descriptors(scene: Scene) -> Iterator[Finding]:
    raise_limit = f"{more_descriptors()} && {start_anew(scene)}"
    if scene.is_unit:
        raise_limit = f"make service   # its unit has LimitNOFILE={GOOD_DESCRIPTORS}: install it"
    if 0 < scene.max_descriptors < LEAST_DESCRIPTORS:
        yield Finding(
            f"A process may open {scene.max_descriptors} files only.",
            "Each socket takes one at its node and two in the balancer; the limit of the "
            f"{'unit' if scene.is_unit else 'shell'} holds for all.",
            raise_limit,
        )
    for process in scene.processes:
        if process.descriptors > process.max_descriptors * MOST_DESCRIPTORS_SHARE > 0:
            yield Finding(
                f"{process.name} has {process.descriptors} files open, and may have "
                f"{process.max_descriptors}.",
                "There are more sockets than one process of it should have.",
                have_more(scene, process.role, _count(scene, process.role) + 1),
            )


def _count(scene: Scene, role: str) -> int:
    return sum(process.role == role for process in scene.processes)


def judge_disk(scene: Scene) -> Iterator[Finding]:
    data = str(scene.settings.data)
    sizes = f"df -h {quoted(data)}; du -xh -d 2 {quoted(data)} | sort -h | tail"
    free_space = f"{sizes}   # and free some of that"
    if scene.in_containers:
        data, free_space = "Docker", "docker system df; docker image prune"
    if scene.free_bytes < LEAST_FREE_BYTES:
        yield Finding(
            f"{scene.free_bytes // 2**20} MB are free on the disk of {data}.",
            "PostgreSQL stops when it is full. What was answered stays; all goes on by itself once "
            "there is room.",
            free_space,
        )
    if 0 <= scene.free_files < LEAST_FREE_FILES:
        yield Finding(
            f"{scene.free_files} more files fit on the disk of {data}.",
            "Small files of something else fill its table.",
            free_space,
        )


def judge_clock(scene: Scene) -> Iterator[Finding]:
    for role, database in scene.databases.items():
        if not database.error and abs(database.clock_ahead) > MOST_CLOCK_SECONDS:
            yield Finding(
                f"The clock of {role}'s database is {database.clock_ahead:+.1f} s from this one's.",
                "Tokens and leases end too early or too late.",
                "timedatectl set-ntp true   # on both machines",
            )


def judge_secrets(scene: Scene) -> Iterator[Finding]:
    if scene.open_secrets:
        names = ", ".join(str(path) for path in scene.open_secrets[:3])
        yield Finding(
            f"Others may read {len(scene.open_secrets)} secrets, such as {names}.",
            "They were copied or restored without their permissions.",
            f"chmod -R go= {quoted(scene.settings.keys)}",
            harms=False,
        )
    for path in scene.missing_secrets:
        yield Finding(
            f"{path} is gone.",
            "It was deleted. What runs has read it; what is started again cannot.",
            f"{NEW_KEYS}   # or put it back where it was"
            if path == scene.settings.signing_secret
            else f"{start_anew(scene)}   # which makes a new one, or put it back where it was",
        )
    if (users := scene.databases.get("users")) is not None and users.unopened_keys:
        yield Finding(
            f"{scene.settings.signing_secret} does not open {users.unopened_keys} keys in users'"
            " database.",
            "It was made anew, or is of another system. A process of users that is started ends.",
            f"{NEW_KEYS}   # or put the old one back",
            "users",
        )
    for process in scene.processes:
        expires = process.samples.get(CERTIFICATE_EXPIRES, 0.0)
        if expires and expires - scene.now < LEAST_CERTIFICATE_SECONDS:
            days = int((expires - scene.now) // 86_400)
            yield Finding(
                f"The certificate of {process.name} "
                + (f"expires in {days} days." if days >= 0 else "has expired."),
                "Nobody has renewed it. Without a good one it cannot be called.",
                f"rm FOLDER/{process.role}.pem && deploy/make-certificates FOLDER   "
                "# with ca.key in FOLDER",
                process.role,
            )
        if process.samples.get(CREDENTIAL_REFUSED):
            yield Finding(
                f"{process.name} is refused by those that it calls.",
                f"Its {secret_of(scene, process.role)} is another one than they know, or was made"
                f" after they were started.{scene.log_of(process.name)}",
                know_callers_again(scene, process.role),
                process.role,
            )

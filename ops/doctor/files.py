"""Checks of the storage of files."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from ops.doctor.check import Finding
from ops.doctor.remedies import kubectl, quoted, stop
from ops.doctor.scene import Scene

CAUSES: Final = {
    "unreachable": "It is down or stalls, its address is wrong, or the network between is cut.",
    "refused": "Its key is not the right one, or may not write there.",
    "missing": "There is no such folder or bucket.",
    "read-only": "Its file system is mounted read-only, or belongs to somebody else.",
    "full": "The disk is full, or a quota is used up.",
}


def judge_file_store(scene: Scene) -> Iterator[Finding]:
    for process in scene.processes:
        for why in process.store_fails:
            place = _place(scene)
            yield Finding(
                f"{process.name} cannot store files: {place} is {why}.",
                f"{CAUSES.get(why, '')}{scene.log_of(process.name)}".strip(),
                _command(scene, why, place),
                process.role,
            )


def _place(scene: Scene) -> str:
    """The folder, or the URL of an S3 store. In containers it is the service's setting, by default
    the volume."""
    if scene.in_containers:
        return "the volume files, or what HUBBUB_FILES_URL names,"
    parts = urlsplit(scene.settings.files_url)
    return unquote(parts.path) if parts.scheme == "file" else scene.settings.files_url


def _command(scene: Scene, why: str, place: str) -> str:
    if scene.namespace:
        space = kubectl(scene, "exec deployment/files -- df -h /files")
        return f"{space}   # a volume; S3: its address, key and bucket in your overlay"
    if scene.in_containers:
        check = "docker compose exec files df -h /files; docker compose logs --tail 50 files"
        return f"{check}   # a volume; S3: its address, key and bucket in the override file"
    if place.startswith("s3:"):
        return f"{_FOR_S3[why]}   # then make restart"
    folder = quoted(place)
    if why == "missing":
        return f"mkdir {folder}   # only where its bytes are lost; else mount it, or move it back"
    if why == "full":
        move = f"make move-files FROM={quoted(scene.settings.files_url)} TO=file:///LARGER"
        return f"df -h {folder}   # free some, or {stop(scene)} and {move}"
    if why == "unreachable":
        return f"dmesg | tail; findmnt --target {folder}   # its disk or server does not answer"
    return f"findmnt --target {folder}; ls -ld {folder}   # let this user write there"


_FOR_S3: Final = {
    "unreachable": "curl -sS -o /dev/null ENDPOINT, which answers where it can be reached",
    "refused": "correct HUBBUB_FILES_ACCESS_KEY and HUBBUB_FILES_SECRET_FILE",
    "missing": "make the bucket, or correct HUBBUB_FILES_URL",
    "read-only": "let the key write to the bucket",
    "full": "raise the quota of the bucket",
}

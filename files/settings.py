"""Settings of a files process from its environment, in addition to those of every service."""

import os
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from common.process.settings import ServiceSettings, read_service_settings
from common.process.sizes import sized
from common.process.variables import (
    BALANCER_KEY_FILE,
    BALANCER_LISTEN_FD,
    FILES_URL,
    LINK_KEY_FILE,
    LINK_PREVIEWS,
    NUMBER,
    PUBLIC_URL,
    PUSH,
    SECRET_FILE,
    TEXT,
    Join,
    Kind,
    Variable,
    read_variables,
)
from common.protocol.links import LinkMode
from common.protocol.push import PushMode
from files.store import Location

MAX_UPLOADS_AT_ONCE = 20  # per user

FilesLocation = Annotated[
    Location,
    Variable(
        "HUBBUB_FILES_URL",
        FILES_URL,
        "Where bytes of files lie: file:///FOLDER, or s3://BUCKET/PREFIX?endpoint=URL&region=NAME.",
        None,
    ),
    Variable(
        "HUBBUB_FILES_ACCESS_KEY",
        TEXT,
        "The name of the key of an S3 store.",
        otherwise="`AWS_ACCESS_KEY_ID`, or the machine's own",
    ),
    Variable(
        "HUBBUB_FILES_SECRET_FILE",
        SECRET_FILE,
        "The secret of that key.",
        otherwise="`AWS_SECRET_ACCESS_KEY`, or the machine's own",
    ),
    Join(Location),
]


def _parse_contact(text: str) -> str:
    if not text.startswith(("mailto:", "https://")):
        raise ValueError(f"{text!r} is not mailto:NAME@HOST or https://HOST")
    return text


def join_contact(contact: str, public_url: str | None) -> str:
    """Push services accept no other addresses."""
    return contact or (public_url if public_url and public_url.startswith("https://") else "")


PUSH_CONTACT: Final = Variable(
    "HUBBUB_PUSH_CONTACT",
    Kind("URL", _parse_contact, ""),
    "Whom push services may ask about this instance: mailto:NAME@HOST or https://HOST.",
    otherwise="`HUBBUB_PUBLIC_URL`, if it is https",
)


class FilesSettings(msgspec.Struct, frozen=True):
    """`balancer_key` is None if there is no balancer in front."""

    service: ServiceSettings
    location: FilesLocation
    balancer_key: Annotated[str | None, BALANCER_KEY_FILE]
    balancer_listen_fd: Annotated[int | None, BALANCER_LISTEN_FD]
    link_key: Annotated[str, LINK_KEY_FILE]
    max_uploads_at_once: int
    push: Annotated[PushMode, PUSH] = "on"
    link_previews: Annotated[LinkMode, LINK_PREVIEWS] = "off"
    push_contact: Annotated[str, PUSH_CONTACT, PUBLIC_URL, Join(join_contact)] = ""
    drain_seconds: Annotated[
        int,
        Variable(
            "HUBBUB_FILES_DRAIN_SECONDS",
            NUMBER,
            "How long uploads and downloads may continue once the process was told to end, in "
            "seconds. Leave it six seconds more before it is killed.",
            "20",
        ),
    ] = 20
    pictures_at_once: Annotated[
        int,
        Variable(
            "HUBBUB_PICTURES_AT_ONCE",
            NUMBER,
            "Previews that one process makes at the same time; each may take 512 MiB.",
            "2",
        ),
    ] = 2


def read_files_settings(env: Mapping[str, str] = os.environ) -> FilesSettings:
    """Raises SettingsError with a message for the operator."""
    env = sized(env)
    service = read_service_settings("files", env)
    return read_variables(
        FilesSettings,
        env,
        service=service,
        max_uploads_at_once=MAX_UPLOADS_AT_ONCE * service.rate_factor,
    )

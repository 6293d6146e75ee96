"""What a files process is told by its environment beside what every service is told."""

import os
from collections.abc import Mapping
from typing import Annotated

import msgspec

from common.process.settings import ServiceSettings, read_service_settings
from common.process.variables import (
    BALANCER_KEY_FILE,
    BALANCER_LISTEN_FD,
    SECRET_FILE,
    TEXT,
    URL,
    Join,
    Variable,
    read_variables,
)
from files.store import Location

MAX_UPLOADS_AT_ONCE = 20  # a person

FilesLocation = Annotated[
    Location,
    Variable(
        "HUBBUB_FILES_URL",
        URL,
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


class FilesSettings(msgspec.Struct, frozen=True):
    """`balancer_key` is None where no balancer stands in front."""

    service: ServiceSettings
    location: FilesLocation
    balancer_key: Annotated[str | None, BALANCER_KEY_FILE]
    balancer_listen_fd: Annotated[int | None, BALANCER_LISTEN_FD]
    max_uploads_at_once: int


def read_files_settings(env: Mapping[str, str] = os.environ) -> FilesSettings:
    """Raises SettingsError with a sentence for the operator."""
    service = read_service_settings("files", env)
    return read_variables(
        FilesSettings,
        env,
        service=service,
        max_uploads_at_once=MAX_UPLOADS_AT_ONCE * service.rate_factor,
    )

"""`python -m files`: one files process, until SIGTERM."""

from contextlib import AbstractAsyncContextManager

from common.process.service import Serving, run_process
from common.process.web import Patience, serving_public
from files.app import open_files
from files.settings import FilesSettings, read_files_settings


def serving_files(settings: FilesSettings) -> AbstractAsyncContextManager[Serving]:
    patience = Patience(settings.drain_seconds)
    return serving_public(open_files(settings), settings, patience=patience)


def main() -> None:
    run_process("files", read_files_settings, serving_files)


if __name__ == "__main__":
    main()

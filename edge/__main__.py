"""`python -m edge`: one edge process, until SIGTERM."""

from contextlib import AbstractAsyncContextManager

from common.process.service import Serving, run_process
from common.process.web import serving_public
from edge.app import open_edge
from edge.http.joined_writes import WholeAnswers
from edge.settings import EdgeSettings, read_edge_settings


def serving_edge(settings: EdgeSettings) -> AbstractAsyncContextManager[Serving]:
    return serving_public(open_edge(settings), settings, WholeAnswers)


def main() -> None:
    run_process("edge", read_edge_settings, serving_edge)


if __name__ == "__main__":
    main()

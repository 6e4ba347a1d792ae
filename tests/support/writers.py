"""Writers that go on while a test does something to their server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count

from support.resp import RawConnection
from support.server import Server
from support.workers import Worker, Workers

Work = Callable[[RawConnection, int], None]


class Writers(Workers):
    """Threads that each repeat `work` over a connection of their own until told to stop.

    `work` is given the number of its turn. A server that goes away ends a thread quietly.
    """

    def __init__(self, server: Server, *works: Work) -> None:
        super().__init__(*(_writing(server, work) for work in works))


def _writing(server: Server, work: Work) -> Worker:
    with suppress(OSError), RawConnection(server.port) as connection:
        for turn in count():
            work(connection, turn)
            yield

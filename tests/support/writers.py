"""Writers that go on while a test does something to their server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from support.eventually import eventually
from support.resp import RawConnection
from support.server import Server

Work = Callable[[RawConnection, int], None]


class Writers:
    """Threads that each repeat `work` over a connection of their own until told to stop.

    `work` is given the number of its turn. A server that goes away ends a thread quietly; any
    other error comes out at the end of the `with`.
    """

    def __init__(self, server: Server, *works: Work) -> None:
        self._server = server
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self._turns = [0] * len(works)
        self._threads = [
            threading.Thread(target=self._run, args=(number, work))
            for number, work in enumerate(works)
        ]

    def __enter__(self) -> Self:
        """Begin, and wait until each has worked."""
        for thread in self._threads:
            thread.start()
        self.wait_for(1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if kind is None and self._errors:
            raise self._errors[0]

    def wait_for(self, turns: int) -> None:
        """Wait until each has made that many turns more."""
        goal = [made + turns for made in self._turns]
        eventually(
            lambda: (
                bool(self._errors)
                or all(made >= aim for made, aim in zip(self._turns, goal, strict=True))
            ),
            deadline_s=60.0,
        )

    def _run(self, number: int, work: Work) -> None:
        try:
            with RawConnection(self._server.port) as connection:
                while not self._stop.is_set():
                    work(connection, self._turns[number])
                    self._turns[number] += 1
        except OSError:
            return
        except BaseException as error:
            self._errors.append(error)

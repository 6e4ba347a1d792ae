"""Threads that go on while a test does something else."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import TYPE_CHECKING

from support.eventually import eventually

if TYPE_CHECKING:
    from typing import Self

Worker = Generator[None, None, None]
"""Makes one turn of its work at each step; what it opened, it closes at its end."""

DEADLINE_S = 120.0
"""For many turns, of which each waits for its reply."""


class Workers:
    """A thread for each worker, that makes its turns until the end of the `with`.

    A worker that ends by itself ends its thread quietly; its error comes out at the end.
    """

    def __init__(self, *workers: Worker) -> None:
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self._turns = [0] * len(workers)
        self._threads = [
            threading.Thread(target=self._run, args=each) for each in enumerate(workers)
        ]

    def __enter__(self) -> Self:
        """Begin, and wait until each has made a turn."""
        for thread in self._threads:
            thread.start()
        self.wait_for(1)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if kind is None and self._errors:
            raise self._errors[0]

    def wait_for(self, turns: int) -> None:
        """Wait until each has made that many turns more."""
        goal = [made + turns for made in self._turns]

        def reached() -> bool:
            made = zip(self._turns, goal, strict=True)
            return bool(self._errors) or all(turn >= aim for turn, aim in made)

        eventually(reached, DEADLINE_S)

    def _run(self, number: int, worker: Worker) -> None:
        try:
            for _ in worker:
                self._turns[number] += 1
                if self._stop.is_set():
                    worker.close()
        except BaseException as error:
            self._errors.append(error)

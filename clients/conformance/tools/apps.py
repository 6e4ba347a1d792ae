"""The example apps as users start them: processes that are told by their environment."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from conformance.tools.wire import Answer, Where, ask
from support.paths import ROOT, TARGET
from support.ports import free_port
from support.program import Program

START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 30.0
SETTINGS = ("REDIS_URL", "PORT", "SOCKET", "ON_ERROR", "TRUSTED_PROXIES", "RL_PREFIX")


@dataclass(frozen=True)
class Helper:
    """A helper's example: what starts it, in which folder, and with what besides its settings."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its users start it."""
        return ROOT / "clients" / self.name


HELPERS = {
    helper.name: helper
    for helper in (
        Helper("python", [sys.executable, "examples/app.py"], {"PYTHONPATH": "src"}),
        Helper("rust", [str(TARGET / "clients-rust" / "debug" / "examples" / "app")]),
        Helper("node", ["node", "examples/app.mjs"]),
    )
}


class App:
    """One example app, with `settings` and no other; as a context manager it starts and ends."""

    def __init__(self, helper: Helper, folder: Path, **settings: str) -> None:
        self.port = free_port()
        # It listens on a Unix socket instead, if it is told of one.
        self.where: Where = Path(settings["SOCKET"]) if settings.get("SOCKET") else self.port
        self._helper = helper
        self._log_file = folder / f"{helper.name}-{self.port}.log"
        self._settings = {"PORT": str(self.port), **settings}
        self._process: Program | None = None

    def __enter__(self) -> Self:
        """Start it, and wait until it answers."""
        self.start()
        process = self._started()
        if not process.answers(self._answers, START_DEADLINE_S):
            process.kill()
            raise AssertionError(f"the app does not answer\n{self.log()}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it; what it logged is shown when the test failed."""
        try:
            self.stop()
        finally:
            if value is not None:
                print(self.log())

    @property
    def running(self) -> bool:
        """Whether it was started and lives."""
        return self._process is not None and self._process.code is None

    def start(self) -> None:
        """Start it; it may not answer yet."""
        inherited = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        environment = {**inherited, **self._helper.environment, **self._settings}
        self._process = Program(
            self._helper.command, self._log_file, environment, self._helper.folder
        )

    def ended(self, deadline_s: float = START_DEADLINE_S) -> int:
        """Wait until it ends by itself; answer its exit status."""
        code = self._started().ended(deadline_s)
        assert code is not None, f"the app goes on\n{self.log()}"
        return code

    def stop(self) -> None:
        """End it with SIGTERM, well and by itself."""
        self.signal(signal.SIGTERM)
        code = self.ended(STOP_DEADLINE_S)
        assert code == 0, f"it ended with {code}"

    def signal(self, which: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        self._started().signal(which)

    def log(self) -> str:
        """All that it printed."""
        return self._log_file.read_text(errors="replace")

    def _started(self) -> Program:
        assert self._process is not None, "the app was not started"
        return self._process

    def _answers(self) -> bool:
        try:
            return self.get("/health").status == 200
        except OSError:
            return False

    # Talk

    def get(self, target: str, *headers: str) -> Answer:
        """GET `target`; each header is a whole line."""
        return ask(self.where, "GET", target, headers)

    def post(self, target: str, *headers: str) -> Answer:
        """POST an empty body to `target`."""
        return ask(self.where, "POST", target, headers)

    def ask(self, method: str, target: str, *headers: str) -> Answer:
        """Send any method."""
        return ask(self.where, method, target, headers)

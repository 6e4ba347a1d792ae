"""Programs that tests start: servers and apps. None outlives its test, each has its log."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path


class Program:
    """A process, started when it is made. What it prints is added to its log file."""

    def __init__(
        self, command: Sequence[str], log_file: Path, environment: Mapping[str, str], folder: Path
    ) -> None:
        self.log_file = log_file
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                # setpriv ends it with the thread that started it, should that die unawares.
                ["setpriv", "--pdeathsig", "KILL", *command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    def answers(self, asked: Callable[[], bool], deadline_s: float) -> bool:
        """Ask until it answers; False where it ended, or does not answer in time."""
        deadline = time.monotonic() + deadline_s
        while not asked():
            if self.code is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def ended(self, deadline_s: float) -> int | None:
        """Wait until it ends, and answer its exit status; None where it had to be killed."""
        try:
            return self._process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def stop(self, deadline_s: float) -> int | None:
        """End it with SIGTERM, as an operator would; answers as `ended`."""
        self._process.terminate()
        return self.ended(deadline_s)

    def signal(self, which: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        self._process.send_signal(which)

    def kill(self) -> None:
        """End it at once, and the children that it forked."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def log(self) -> str:
        """All that it printed."""
        return self.log_file.read_text(errors="replace")

"""The example app as a user starts it: a process of its own."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx

from support.ports import free_port
from support.program import Program

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_S = 60.0
PATIENT = {"RL_TIMEOUT_MS": "20000"}
"""Settings of an app whose checks succeed on a busy machine, too."""


class Example:
    """`python examples/app.py` with `environment`; as a context manager it starts and ends."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / f"example-{self.port}.log"
        self._environment = environment
        socket = environment.get("SOCKET")
        self._transport = httpx.HTTPTransport(uds=socket) if socket else None
        self._process: Program | None = None

    def __enter__(self) -> httpx.Client:
        """Start it, and wait until it answers."""
        self._client = httpx.Client(
            base_url=self.url,
            timeout=30,
            transport=self._transport,
            # Shorter than uvicorn's, which may close a connection that is just being used again.
            limits=httpx.Limits(keepalive_expiry=1),
        )
        process = self.start()
        if not process.answers(self._answers, DEADLINE_S):
            process.kill()
            raise AssertionError(f"the app does not answer\n{self.log()}")
        return self._client

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it with SIGTERM; what it logged is shown when the test failed."""
        self._client.close()
        code = self.stop()
        if value is not None:
            print(self.log())
        else:
            assert code == 0, f"it ended with {code}\n{self.log()}"

    def connected(self) -> None:
        """Wait until it has a connection to Redis: a policy that there is not makes it say so."""
        deadline = time.monotonic() + DEADLINE_S
        while "there is no policy" not in self.log():
            assert time.monotonic() < deadline, f"it does not reach Redis\n{self.log()}"
            self._client.get("/plan", headers={"X-Forwarded-For": "192.0.2.1"})

    def start(self) -> Program:
        """Start it."""
        environment = {
            **{name: value for name, value in os.environ.items() if name not in SETTINGS},
            "PYTHONPATH": str(ROOT / "src"),
            "PORT": str(self.port),
            **self._environment,
        }
        command = [sys.executable, "examples/app.py"]
        self._process = Program(command, self._log, environment, ROOT)
        return self._process

    def ended(self) -> int:
        """Wait until it ends by itself; answer its exit status."""
        assert self._process is not None
        return self._code(self._process.ended(DEADLINE_S))

    def stop(self) -> int:
        """End it with SIGTERM; answer its exit status."""
        assert self._process is not None
        return self._code(self._process.stop(DEADLINE_S))

    def log(self) -> str:
        """All that it printed."""
        return self._log.read_text(errors="replace")

    def _code(self, code: int | None) -> int:
        assert code is not None, f"the app goes on\n{self.log()}"
        return code

    def _answers(self) -> bool:
        try:
            return self._client.get("/health").status_code == 200
        except httpx.TransportError:
            return False


SETTINGS = ("REDIS_URL", "SOCKET", "ON_ERROR", "TRUSTED_PROXIES", "RL_PREFIX")

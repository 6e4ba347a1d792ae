"""The example app as a user starts it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx

from support.server import free_port

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 30.0


class Example:
    """`python examples/app.py` with `environment`; as a context manager it starts and ends."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / f"example-{self.port}.log"
        self._environment = environment
        socket = environment.get("SOCKET")
        self._transport = httpx.HTTPTransport(uds=socket) if socket else None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> httpx.Client:
        """Start it, and wait until it answers."""
        self._client = httpx.Client(base_url=self.url, timeout=10, transport=self._transport)
        process = self.start()
        deadline = time.monotonic() + DEADLINE_S
        while not self._answers():
            assert process.poll() is None, f"the app ended\n{self.log()}"
            assert time.monotonic() < deadline, f"the app does not answer\n{self.log()}"
            time.sleep(0.02)
        return self._client

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it with SIGTERM; what it logged is shown when the test failed."""
        self._client.close()
        began = time.monotonic()
        code = self.stop()
        took = time.monotonic() - began
        if value is not None:
            print(self.log())
        else:
            assert code == 0, f"it ended with {code}\n{self.log()}"
            assert took < 5, f"it took {took:.1f} s to stop"

    def start(self) -> subprocess.Popen[bytes]:
        """Start it."""
        environment = {
            **{name: value for name, value in os.environ.items() if name not in SETTINGS},
            "PYTHONPATH": str(ROOT / "src"),
            "PORT": str(self.port),
            **self._environment,
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "examples" / "app.py")],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self._process

    def ended(self) -> int:
        """Wait until it ends by itself; answer its exit status."""
        assert self._process is not None
        try:
            return self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the app goes on\n{self.log()}") from None

    def stop(self) -> int:
        """End it with SIGTERM; answer its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self.ended()

    def log(self) -> str:
        """All that it printed."""
        return self._log.read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            return self._client.get("/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


SETTINGS = ("REDIS_URL", "SOCKET", "ON_ERROR", "TRUSTED_PROXIES", "RL_PREFIX")

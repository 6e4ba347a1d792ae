"""A real server of a test's own: started, asked, restarted, killed and checked."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from support.clock import Clock
from support.kinds import Kind
from support.paths import MODULE
from support.ports import free_port, give_back, is_free
from support.program import Program
from support.resp import TIMEOUT_S, RawConnection

if TYPE_CHECKING:
    from typing import Self

Config = Mapping[str, str | int | Sequence[str]]

# Only a fault takes so long, however busy the machine is.
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 60.0
CRASH_SIGNS = re.compile(r"BUG REPORT START|ASSERTION FAILED|panicked at")

# Under a clock that stands still or jumps, nothing may depend on time that passes on it: no
# delay before a full sync, no link that times out, no waiting for replicas at shutdown. Nor
# may the server write into the replication stream by itself, so that tests can compare offsets.
# Keys that are evicted go at once, however slow the machine is, and an AOF has what was answered,
# however slow the disk is. jemalloc's thread sleeps until a time of the test's clock, which is past
# by the kernel's: it would spin.
DEFAULTS: Config = {
    "bind": "127.0.0.1",
    "save": "",
    "appendonly": "no",
    "appendfsync": "always",
    "enable-debug-command": "yes",
    "enable-module-command": "yes",
    "repl-diskless-sync-delay": 0,
    "repl-timeout": 2_000_000,
    "repl-ping-replica-period": 1_000_000,
    "shutdown-timeout": 0,
    "maxmemory-eviction-tenacity": 100,
    "jemalloc-bg-thread": "no",
}


class ServerFailed(Exception):  # noqa: N818 - what happened, not a kind of error
    """A server that did not start, did not stop, or crashed; its log's end is in the text."""


class Server:
    """A server process in a folder of its own.

    `config` adds to DEFAULTS (a list gives a directive several times); `module_args` are the
    words after the module's path; `module=None` starts it without the module. `arguments` follow
    the configuration on the command line. `clock` puts it under a test's clock, and `environment`
    adds to its variables. As a context manager it starts at entry, and at exit is checked for a
    crash and stopped. In a cluster it listens on `bus_port`, too.
    """

    def __init__(
        self,
        kind: Kind,
        folder: Path,
        *,
        config: Config | None = None,
        module: Path | None = MODULE,
        module_args: Sequence[str] = (),
        arguments: Sequence[str] = (),
        clock: Clock | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = kind
        self.folder = folder
        self.config: dict[str, str | int | Sequence[str]] = {**DEFAULTS, **(config or {})}
        self.module = module
        self.module_args = list(module_args)
        self.arguments = list(arguments)
        self._clock = clock
        self._environment = dict(environment or {})
        self.port, self.bus_port = free_port(), free_port()
        self._closed = False
        self._process: Program | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it; a crash is an error of its own."""
        self.close()

    @property
    def clock(self) -> Clock:
        """The clock that it was given."""
        assert self._clock is not None, "this server runs on the real clock"
        return self._clock

    @property
    def pid(self) -> int:
        """The server's own process."""
        assert self._process is not None, "the server was stopped"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started, not stopped, and lives."""
        return self._process is not None and self._process.code is None

    # Life

    def start(self) -> None:
        """Start it and wait until it answers; the ports stay the same from the first start on."""
        assert self._process is None, "the server runs already"
        if self.module is not None and not self.module.exists():
            raise ServerFailed(f"{self.module} is not there: run 'make build'")
        first = not self._log_file.exists()
        for attempts_left in (2, 1, 0):
            try:
                self._start_once()
                return
            except ServerFailed as failure:
                if not (first and attempts_left and "Address already in use" in str(failure)):
                    raise
                self._log_file.unlink()
                give_back(self.port, self.bus_port)
                self.port, self.bus_port = free_port(), free_port()

    def stop(self) -> None:
        """End it as an operator would, with SIGTERM, and wait."""
        self._require_alive().signal(signal.SIGTERM)
        self.wait()

    def wait(self) -> None:
        """Wait until it has stopped as it was told to."""
        code = self._ended()
        if code != 0:
            raise ServerFailed(f"it stopped with {code}\n{self.log_tail()}")

    def wait_for_crash(self) -> str:
        """Wait until a signal has ended it, and answer its log, put aside."""
        code = self._ended()
        if code >= 0:
            raise ServerFailed(f"it stopped with {code}\n{self.log_tail()}")
        return self.put_log_aside()

    def put_log_aside(self) -> str:
        """Answer its log, which is then no longer looked at for crashes."""
        return self._log_file.replace(self.folder / "crash.log").read_text(errors="replace")

    def kill9(self) -> None:
        """End it at once, as a power failure would."""
        process, self._process = self._require_alive(), None
        process.kill()
        # A child that writes a file may hold the port a moment longer.
        deadline = time.monotonic() + STOP_DEADLINE_S
        while not (is_free(self.port) and is_free(self.bus_port)):
            if time.monotonic() > deadline:
                raise ServerFailed(f"something holds its port\n{self.log_tail()}")
            time.sleep(0.005)

    def restart(self, config: Config | None = None) -> None:
        """Stop it where it runs, and start it on the same folder, with `config` added."""
        if self._process is not None:
            self.stop()
        self.config.update(config or {})
        self.start()

    def close(self) -> None:
        """Check it for a crash and stop it, if that was not done yet."""
        try:
            self.check()
        finally:
            process, self._process = self._process, None
            if process is not None:
                process.kill()
            if not self._closed:
                self._closed = True
                give_back(self.port, self.bus_port)

    def check(self) -> None:
        """Fail if it ended by itself, or wrote of a crash or a panic."""
        # First, since the end of a long report does not say that it is one.
        sign = CRASH_SIGNS.search(self.log())
        if sign:
            raise ServerFailed(f"its log tells of a crash: {sign.group()}\n{self.log_tail(120)}")
        if self._process is not None:
            self._require_alive()

    # Talk

    def client(self, protocol: int = 2, **options: Any) -> redis.Redis:
        """Answer a redis-py client that neither retries nor decodes, unless `options` say so."""
        settings: dict[str, Any] = {
            "socket_timeout": TIMEOUT_S,
            "retry": Retry(NoBackoff(), 0),
            "driver_info": None,
            **options,
        }
        return redis.Redis(host="127.0.0.1", port=self.port, protocol=protocol, **settings)

    def raw(self) -> RawConnection:
        """Open a plain connection."""
        return RawConnection(self.port)

    def cli(self, *arguments: str, stdin: str | None = None) -> str:
        """What the real redis-cli prints on a terminal for a command, or for lines of `stdin`."""
        program = shutil.which("redis-cli")
        if program is None:
            raise ServerFailed("redis-cli is not there: run 'make setup'")
        done = subprocess.run(
            [program, "-p", str(self.port), "--no-raw", *arguments],
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            env={**os.environ, "REDISCLI_RCFILE": os.devnull},
        )
        return done.stdout + done.stderr

    def log(self) -> str:
        """All that it logged, restarts included."""
        return self._log_file.read_text(errors="replace") if self._log_file.exists() else ""

    def log_tail(self, lines: int = 40) -> str:
        """The last lines that it logged."""
        return "\n".join(self.log().splitlines()[-lines:])

    # Within

    @property
    def _log_file(self) -> Path:
        return self.folder / "server.log"

    def _ended(self) -> int:
        """How it ended, as it must soon."""
        assert self._process is not None, "the server was stopped"
        process, self._process = self._process, None
        code = process.ended(STOP_DEADLINE_S)
        if code is None:
            raise ServerFailed(f"it did not end\n{self.log_tail()}")
        return code

    def _require_alive(self) -> Program:
        assert self._process is not None, "the server was stopped"
        code = self._process.code
        if code is not None:
            raise ServerFailed(f"it ended by itself with {code}\n{self.log_tail(120)}")
        return self._process

    def _start_once(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        config_file = self.folder / "server.conf"
        config_file.write_text("\n".join(self._config_lines()) + "\n")
        clock = self._clock.environment() if self._clock else {}
        environment = {**os.environ, **clock, **self._environment}
        command = [str(self.kind.launcher), str(config_file), *self.arguments]
        self._process = process = Program(command, self._log_file, environment, self.folder)
        if not process.answers(self._answers, START_DEADLINE_S):
            code = process.code
            process.kill()
            self._process = None
            how = "does not answer" if code is None else f"ended with {code}"
            raise ServerFailed(f"{self.kind.name} {how}\n{self.log_tail()}")

    def _config_lines(self) -> list[str]:
        fixed: dict[str, str | int | Sequence[str]] = {"port": self.port, "dir": str(self.folder)}
        if self.config.get("cluster-enabled") == "yes":
            fixed["cluster-port"] = self.bus_port
        lines = []
        for name, value in {**self.config, **fixed}.items():
            values = [value] if isinstance(value, str | int) else value
            lines += [f"{name} {one}" if one != "" else f'{name} ""' for one in values]
        if self.module is not None:
            lines.append(" ".join(["loadmodule", str(self.module), *self.module_args]))
        return lines

    def _answers(self) -> bool:
        """Whether it answers and has loaded its data; asking for a password is an answer."""
        try:
            with RawConnection(self.port, timeout=2) as connection:
                reply = connection("PING")
        except (OSError, ValueError):
            return False
        return not str(getattr(reply, "text", "")).startswith("LOADING")

"""The servers that are measured: the tests' own Server, plain or counted by valgrind."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import peers
from support import replication
from support.clock import Clock
from support.kinds import Kind
from support.paths import MODULE
from support.server import Server

# A rewrite would fork in the midst of a measurement.
_CONFIG: Mapping[str, str] = {"auto-aof-rewrite-percentage": "0"}
# The server's own chores would count too, the more the longer a busy machine takes for the calls.
_COUNTED: Mapping[str, str] = {"hz": "1", "dynamic-hz": "no"}
_AOF: Mapping[str, str] = {"appendonly": "yes", "appendfsync": "everysec"}


@dataclass(frozen=True)
class Setting:
    """Under which circumstances calls are measured."""

    title: str
    aof: bool = False
    replica: bool = False


PLAIN = Setting("Nothing on disk, no replica")
AOF = Setting("With an AOF, fsync every second", aof=True)
REPLICA = Setting("With a replica", replica=True)


class Bench:
    """Where servers of one program are started, with a copy of the module and of redis-cell."""

    def __init__(self, program: str, folder: Path, module: Path = MODULE) -> None:
        found = shutil.which(program)
        if found is None:
            raise SystemExit(f"{program} is not a program that can be started")
        if not module.exists():
            raise SystemExit(f"{module} is not there: run 'make build' first")
        # A link to it stays one: the program looks at the name that it is called by.
        self._program = Path(found).absolute()
        self._folder = folder
        self._started = 0
        # A copy, so that the module can be built anew while it is measured.
        self._module = Path(shutil.copy(module, folder / "module.so"))
        cell = peers.cell_module()
        self._cell = Path(shutil.copy(cell, folder / "cell.so")) if cell else None

    @contextmanager
    def plain(self, setting: Setting = PLAIN, *, clock: bool = False) -> Iterator[Server]:
        """A server at full speed; `clock` puts it under a clock that is set from here."""
        with self._server(self._program, setting, {}, clock=clock) as server:
            yield server

    @contextmanager
    def counted(
        self, setting: Setting = PLAIN, *, clock: bool = False, with_module: bool = True
    ) -> Iterator[Server]:
        """A server under callgrind, counting nothing yet; its dumps go into its folder."""
        script = self._program.read_bytes()[:2] == b"#!"
        words = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes"]
        words += [
            "--quiet",
            "--callgrind-out-file=dump.%p",
            *(["--trace-children=yes"] if script else []),
        ]
        launcher = self._folder / "counted"
        launcher.write_text(f'#!/bin/sh\nexec {shlex.join([*words, str(self._program)])} "$@"\n')
        launcher.chmod(0o755)
        with self._server(
            launcher, setting, _COUNTED, clock=clock, with_module=with_module
        ) as server:
            with server.raw() as connection:
                connection("RL.FIXED", "first", "1", "1h")
            # The module looks only now and then whether anybody listens to what it writes.
            time.sleep(2.5)
            yield server

    @contextmanager
    def _server(
        self,
        launcher: Path,
        setting: Setting,
        config: Mapping[str, str],
        *,
        clock: bool,
        with_module: bool = True,
    ) -> Iterator[Server]:
        with self._new(launcher, setting, config, clock=clock, with_module=with_module) as server:
            with server.raw() as connection:
                peers.load_scripts(connection)
            if not setting.replica:
                yield server
                return
            with self._new(self._program, PLAIN, {}, clock=False) as replica:
                replication.attach(replica, server)
                yield server

    def _new(
        self,
        launcher: Path,
        setting: Setting,
        more: Mapping[str, str],
        *,
        clock: bool,
        with_module: bool = True,
    ) -> Server:
        self._started += 1
        folder = self._folder / f"server-{self._started}"
        folder.mkdir()
        config = {**_CONFIG, **(_AOF if setting.aof else {}), **more}
        if self._cell:
            # Loaded before ours, it keeps the name CL.THROTTLE.
            config["loadmodule"] = str(self._cell)
        return Server(
            Kind("bench", launcher, "", ""),
            folder,
            config=config,
            module=self._module if with_module else None,
            clock=Clock(folder / "clock") if clock else None,
        )

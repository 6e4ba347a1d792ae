"""The kinds of server that the tests know, as scripts/fetch_servers.py left them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from support.paths import SERVERS

FLOOR = "redis-7.0"
NAMES = (FLOOR, "redis-8", "redis-newest", "valkey-9")
"""What the tests run on."""
MORE_NAMES = ("redis-7.2", "redis-7.4", "valkey-8")
"""What they run on if --server asks for it."""

_REDISES_READ = ("7.0", "7.2", "7.4", "8.0", "8.6")
_VALKEYS_READ = ("8.0", "8.1", "9.0", "9.1")


@dataclass(frozen=True)
class Kind:
    """One kind of server: its launcher and version, or the reason why it is not there."""

    name: str
    launcher: Path
    version: str
    reason: str

    @property
    def available(self) -> bool:
        """Whether it can be started."""
        return not self.reason

    @property
    def is_valkey(self) -> bool:
        """Whether it is a Valkey, not a Redis."""
        return self.name.startswith("valkey")

    @property
    def was_read(self) -> bool:
        """Whether its release is listed in src/server/version.rs, so that answers are fast."""
        read = _VALKEYS_READ if self.is_valkey else _REDISES_READ
        return ".".join(self.version.split(".")[:2]) in read

    @property
    def moves_slots_whole(self) -> bool:
        """Whether a slot moves as a whole, from a copy of all memory: Valkey's way."""
        return self.is_valkey and self.moves_slots

    @property
    def moves_slots(self) -> bool:
        """Whether its clusters move slots by themselves: a Valkey from 9.0 on, a Redis from 8.4."""
        major, minor, *_ = map(int, self.version.split("."))
        return (major, minor) >= ((9, 0) if self.is_valkey else (8, 4))


def kind(name: str) -> Kind:
    """The kind of that name; one that could not be fetched tells why."""
    launcher = SERVERS / name / "server"
    status_file = SERVERS / "status.json"
    status = json.loads(status_file.read_text()).get(name, {}) if status_file.exists() else {}
    reason = status.get("reason", "")
    if not reason and not launcher.exists():
        reason = f"{name} was not fetched: run 'make servers'"
    return Kind(name, launcher, status.get("version", ""), reason)

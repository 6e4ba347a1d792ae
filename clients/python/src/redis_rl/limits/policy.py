"""Policies that the server keeps: limits that change without a deployment."""

from __future__ import annotations

import re
from dataclasses import dataclass

from redis_rl.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z0-9._:/@-]{1,64}")
_WRITTEN = re.compile(r"\s*policy\s+(?P<name>\S+)\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class ServerPolicy:
    """A limit by the name of a policy: what it stands for is the server's to say."""

    name: str

    period_ms = None
    """A limit's has one; a policy's clauses have theirs in the server."""

    def __post_init__(self) -> None:
        """Raise ConfigurationError for what is no policy's name."""
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                f"a policy's name must be 1 to 64 of A-Z a-z 0-9 . _ : / @ -, not {self.name!r}"
            )

    @classmethod
    def parse(cls, part: str) -> ServerPolicy | None:
        """Read `policy NAME`; None for what is not written so."""
        found = _WRITTEN.fullmatch(part)
        return cls(found["name"]) if found else None

    @property
    def limiter(self) -> tuple[str, object]:
        """It counts in what its clauses count in; by its name it is known before they are."""
        return ("policy", self.name)

    @property
    def clause(self) -> tuple[str, ...]:
        """The words of RL.LIMIT."""
        return ("POLICY", self.name)

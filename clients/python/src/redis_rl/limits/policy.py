"""Policies that the server keeps: limits that change without a deployment."""

from __future__ import annotations

import re
from dataclasses import dataclass

from redis_rl.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z0-9._:/@-]{1,64}")
_WRITTEN = re.compile(r"\s*policy\s+(?P<name>\S+)\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class ServerPolicy:
    """A limit that names a policy, whose clauses the server keeps."""

    name: str

    period_ms = None
    """Only the server knows the periods of its clauses."""

    def __post_init__(self) -> None:
        """Raise ConfigurationError for an invalid name."""
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                "a policy's name must be 1 to 64 characters of A-Z a-z 0-9 . _ : / @ -, "
                f"not {self.name!r}"
            )

    @classmethod
    def parse(cls, part: str) -> ServerPolicy | None:
        """Read `policy NAME`; None for any other text."""
        found = _WRITTEN.fullmatch(part)
        return cls(found["name"]) if found else None

    @property
    def limiter(self) -> tuple[str, object]:
        """Stands for the limiters of its clauses, which may not be known yet."""
        return ("policy", self.name)

    @property
    def clause(self) -> tuple[str, ...]:
        """The words of RL.LIMIT."""
        return ("POLICY", self.name)

"""A denial as an exception."""

from __future__ import annotations

from collections.abc import Mapping

from redis_rl.http.problem import denial_detail
from redis_rl.outcome import Outcome


class RateLimitExceeded(Exception):
    """A request was denied: `outcome` says by what, `retry_after` for how long (None: forever)."""

    def __init__(self, outcome: Outcome, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.headers: dict[str, str] = dict(headers or {})

    def __str__(self) -> str:
        return denial_detail(self.outcome)

    @property
    def retry_after(self) -> float | None:
        """Seconds until the same request is allowed; None if it never is."""
        return self.outcome.retry_after

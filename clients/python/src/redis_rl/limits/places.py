"""Places: how many may be at work at once."""

from __future__ import annotations

from redis_rl.limits.labels import Known, Labels
from redis_rl.limits.names import Policy, check_name
from redis_rl.limits.period import Time, time_of, whole

_MOST_PLACES = 65_536
_UNIT = "concurrent-requests"


class Places:
    """So many at once, each for as long as its lease is renewed."""

    def __init__(self, limit: int, lease: Time, name: str | None = None) -> None:
        whole("limit", limit, 0, _MOST_PLACES)
        self.limit = limit
        self.lease = time_of("lease", lease)
        self.name = name
        check_name(name, banned=False)
        self.labels = Labels([Policy(name or f"{limit}-at-once", limit, None, _UNIT)], [None])

    @property
    def limiters(self) -> frozenset[object]:
        """A key has one set of places."""
        return frozenset({("lease", None)})

    def limiters_with(self, known: Known) -> frozenset[object]:  # noqa: ARG002 - as of a LimitSet
        """As `limiters`."""
        return self.limiters

    @property
    def lease_s(self) -> float:
        """How long a lease lasts that nobody renews."""
        return self.lease.ms / 1000

    @property
    def written(self) -> str:
        """It and its name."""
        return f"{self.name!r} ({self.limit} at once)" if self.name else f"{self.limit} at once"

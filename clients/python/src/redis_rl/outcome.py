"""What a check answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from redis_rl.errors import ConfigurationError, StoreMisconfigured
from redis_rl.limits.labels import Known, Labels
from redis_rl.limits.limit import Limit
from redis_rl.limits.limitset import LimitSet
from redis_rl.limits.names import Policy
from redis_rl.limits.places import Places

Source = Literal["server", "deny_cache", "failed_open", "exempt"]
Row = list[int]

_ROW = 5
_LEAST_WAIT_MS = 1000
_NOTHING: Known = MappingProxyType({})
NEVER = -1


@dataclass(frozen=True, slots=True)
class Verdict:
    """One limit's answer; times are in seconds, exact to the millisecond."""

    allowed: bool
    """Whether this limit alone allows it."""
    limit: int
    """The limit, or a bucket's capacity."""
    remaining: int
    """How much cost it would still allow at once."""
    retry_after: float | None
    """Denied: how long until the same call is allowed; None: never. Allowed: 0."""
    reset_after: float
    """How long until the limiter is as if never used."""
    wait: float
    """How long a leaky limit asks to hold an allowed request before it is served."""
    policy: str
    """The limit's name in headers."""


Decision = Verdict
"""Verdict under the name that users of other limiters look for."""


class Charge(NamedTuple):
    """What an outcome charged under an id, which the limiter that made it can settle."""

    limiter: Any
    """An AsyncRateLimiter or a SyncRateLimiter."""
    id: str | None
    """None where nothing was charged."""
    whole: Outcome | None = None
    """What shows it, if it was charged together with others."""


class Outcome:
    """The answer to a whole check: its verdicts, and whether all of them allow it.

    `source` is `server`; `deny_cache` for a refusal that was repeated without asking;
    `failed_open` where the server gave no answer and the request is served all the same; or
    `exempt` where it was not asked. The last two have no verdicts and no numbers.
    """

    __slots__ = (
        "_charged_rows",
        "_verdicts",
        "allowed",
        "bans",
        "charge",
        "cost",
        "each",
        "key",
        "labels",
        "rows",
        "source",
    )

    def __init__(
        self,
        allowed: bool,
        rows: list[Row],
        labels: Labels | None,
        key: str,
        cost: int = 1,
        source: Source = "server",
        bans: Sequence[Row] = (),
        each: Mapping[str | int, Outcome] = MappingProxyType({}),
    ) -> None:
        self.allowed = allowed
        self.rows = rows
        self.bans = bans
        self.labels = labels
        self.key = key
        self.cost = cost
        self.source = source
        self.each = each
        """Where several subjects were charged together: the outcome of each, by its name."""
        self.charge: Charge | None = None
        """What can be settled, if it was reserved."""
        self._verdicts: tuple[Verdict, ...] | None = None
        self._charged_rows: list[Row] | None = None

    @classmethod
    def from_reply(
        cls, reply: object, limits: LimitSet, key: str, cost: int = 1, known: Known = _NOTHING
    ) -> Outcome:
        """Read RL.LIMIT's reply; anything else raises StoreMisconfigured.

        `known` has the clauses of the policies among the limits.
        """
        if (
            type(reply) is list
            and _has_as_many(len(reply) - 1, limits)
            and (reply[0] == 1 or reply[0] == 0)
            and type(reply[0]) is int
        ):
            rows = reply[1:]
            for row in rows:
                if type(row) is not list or len(row) != _ROW or not _is_verdict(row):
                    break
            else:
                if all(row[0] for row in rows) == reply[0]:
                    labels = limits.labels(known, [row[1] for row in rows])
                    bans: Sequence[Row] = ()
                    if labels.bans:
                        places = [at for at, _ in labels.bans]
                        bans = [rows[at] for at in places]
                        rows = [row for at, row in enumerate(rows) if at not in places]
                    return cls(reply[0] == 1, rows, labels, key, cost, bans=bans)
        raise StoreMisconfigured(
            f"RL.LIMIT must answer with a verdict for each limit, not {reply!r}: "
            "is it redis-rl's module that answers?"
        )

    @classmethod
    def of_place(cls, reply: object, places: Places, key: str) -> Outcome:
        """Read RL.LEASE's reply. Others may give a place back, so a wait is at most the lease."""
        if type(reply) is not list or len(reply) != _ROW or not _is_verdict(reply):
            raise StoreMisconfigured(
                f"RL.LEASE must answer with a verdict, not {reply!r}: "
                "is it redis-rl's module that answers?"
            )
        allowed, limit, remaining, wait_ms, reset_ms = reply
        if not allowed and wait_ms != NEVER:
            wait_ms = min(max(_LEAST_WAIT_MS, wait_ms), places.lease.ms)
        rows = [[allowed, limit, remaining, wait_ms, reset_ms]]
        return cls(allowed == 1, rows, places.labels, key)

    @classmethod
    def failed_open(cls, key: str, cost: int = 1) -> Outcome:
        """Serve the request without an answer."""
        return cls(True, [], None, key, cost, "failed_open")

    @classmethod
    def exempt(cls) -> Outcome:
        """Serve the request without asking."""
        return cls(True, [], None, "", 0, "exempt")

    @property
    def decisions(self) -> tuple[Verdict, ...]:
        """The verdicts, one for each limit, in the order given."""
        if self._verdicts is None:
            self._verdicts = tuple(map(_verdict, self.rows, self.policies))
        return self._verdicts

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Its limits as headers name them, in order."""
        return self.labels.policies if self.labels else ()

    def refusing_for(self, wait_ms: int) -> Outcome:
        """This refusal with another wait for whatever denies."""
        rows, bans = (
            [row if row[0] else [*row[:3], wait_ms, *row[4:]] for row in every]
            for every in (self.rows, self.bans)
        )
        each = {
            name: part if part.allowed else part.refusing_for(wait_ms)
            for name, part in self.each.items()
        }
        return Outcome(False, rows, self.labels, self.key, self.cost, self.source, bans, each)

    def aged(self, passed_ms: int) -> Outcome:
        """This refusal when so much time has passed, as the deny cache tells it."""
        rows, bans = (
            [
                [
                    *row[:3],
                    row[3] if row[0] else max(1, row[3] - passed_ms),
                    max(0, row[4] - passed_ms),
                ]
                for row in every
            ]
            for every in (self.rows, self.bans)
        )
        each = {name: part.aged(passed_ms) for name, part in self.each.items()}
        return Outcome(
            self.allowed, rows, self.labels, self.key, self.cost, "deny_cache", bans, each
        )

    @property
    def ban(self) -> Verdict | None:
        """The verdict of the ban, whose `limit` and `remaining` are refusals; None without one."""
        bans = [*zip(self.bans, self._bans, strict=True)]
        if not bans:
            return None
        return _verdict(*max(bans, key=lambda ban: _denies(ban[0])))

    @property
    def refusing(self) -> list[Policy]:
        """The bans that refuse, as headers name them."""
        return [policy for row, policy in zip(self.bans, self._bans, strict=True) if not row[0]]

    @property
    def shown(self) -> Iterator[tuple[Policy, Row]]:
        """What headers show: all limits, and bans that refuse."""
        yield from zip(self.policies, self.rows, strict=True)
        for policy, row in zip(self._bans, self.bans, strict=True):
            if not row[0]:
                yield policy, row

    @property
    def _bans(self) -> list[Policy]:
        return [policy for _, policy in self.labels.bans] if self.labels else []

    def standing(self, waits_ms: Mapping[object, int]) -> Outcome:
        """Answer what a call of cost 1 would be told: a limit with nothing left denies it.

        `waits_ms` has the waits by limiter. A limiter that was recorded under other numbers is
        missing there; its wait is at most its reset.
        """
        limits = self.labels.limits if self.labels else ()
        rows = [
            row if row[2] else [0, row[1], 0, _wait_ms(row, limit, waits_ms), row[4]]
            for row, limit in zip(self.rows, limits, strict=True)
        ]
        allowed = all(row[0] for row in (*rows, *self.bans))
        return Outcome(allowed, rows, self.labels, self.key, self.cost, self.source, self.bans)

    def settle(self, cost: int) -> Any:
        """Make the charge what it really cost; 0 gives it back. May be called again.

        Returns whether the charge was still known; awaited with an AsyncRateLimiter. Raises
        ConfigurationError for an invalid cost, and for a charge that was not reserved.
        """
        if self.each:
            raise ConfigurationError(
                "subjects that were charged together are settled one by one, as in "
                f"outcome.each[{next(iter(self.each))!r}].settle(cost)"
            )
        if self.charge is None:
            raise ConfigurationError(
                "only what was reserved can be settled: use limiter.reserve(...), or "
                "limit(..., reserve=True)"
            )
        return self.charge.limiter.settle(self, cost)

    def show_settled(self, cost: int) -> None:
        """Say what is left as if the charge had been of this cost from the first."""
        for part in self.each.values():
            part.show_settled(cost)
        if self.each:
            self._show_parts()
            return
        if self._charged_rows is None:
            self._charged_rows = self.rows
        back = self.cost - cost
        limits = self.labels.limits if self.labels else ()
        self._verdicts = None
        self.rows = [
            row
            if limit is not None and limit.algorithm == "leaky"
            else [*row[:2], min(row[1], max(0, row[2] + back)), *row[3:]]
            for row, limit in zip(self._charged_rows, limits, strict=True)
        ]
        if self.charge is not None and self.charge.whole is not None:
            self.charge.whole._show_parts()

    def _show_parts(self) -> None:
        self._verdicts = None
        self.rows = [row for part in self.each.values() for row in part.rows]

    @property
    def remaining(self) -> int | None:
        """The smallest `remaining` of its verdicts."""
        return min((row[2] for row in self.rows), default=None)

    @property
    def requests_left(self) -> int | None:
        """The same as `remaining`."""
        return self.remaining

    @property
    def retry_after_ms(self) -> int | None:
        """As `retry_after`, in milliseconds."""
        if self.allowed:
            return 0
        waits = [row[3] for row in (*self.rows, *self.bans) if not row[0]]
        return None if NEVER in waits else max(waits)

    @property
    def retry_after(self) -> float | None:
        """0 when allowed, else the longest wait of the verdicts that deny; None: never."""
        wait_ms = self.retry_after_ms
        return None if wait_ms is None else wait_ms / 1000

    @property
    def reset_after(self) -> float | None:
        """The longest `reset_after` of its verdicts."""
        return max(row[4] for row in self.rows) / 1000 if self.rows else None

    @property
    def wait(self) -> float:
        """How long a leaky limit asks to hold this allowed request before it is served."""
        return max((row[3] for row in self.rows), default=0) / 1000 if self.allowed else 0.0

    @property
    def tightest(self) -> Verdict | None:
        """The verdict that denies longest, or else the one with the least left."""
        policy, row = self.tightest_row
        return None if policy is None else _verdict(row, policy)

    @property
    def tightest_row(self) -> tuple[Policy | None, Row]:
        """The tightest limit and its row; None if there are no limits."""
        if not self.rows:
            return None, []
        if self.allowed:
            return min(self.shown, key=lambda one: _left(one[1]))
        return max(self.shown, key=lambda one: _denies(one[1]))

    def __repr__(self) -> str:
        told = "allowed" if self.allowed else "denied"
        bans = f" bans {self.bans}" if self.bans else ""
        return f"<Outcome {told} by {self.source} {self.key} {self.rows}{bans}>"


def _has_as_many(rows: int, limits: LimitSet) -> bool:
    """Whether a reply has as many entries as limits have verdicts; a policy has any number."""
    return rows >= limits.least if limits.named else rows == limits.least


def _wait_ms(row: Row, limit: Limit | None, waits_ms: Mapping[object, int]) -> int:
    if not row[1]:
        return NEVER
    return (waits_ms.get(limit.limiter, 0) if limit else 0) or row[4]


def _left(row: Row) -> float:
    return row[2] / row[1] if row[1] else 0.0


def _denies(row: Row) -> float:
    if row[0]:
        return -1.0
    return float("inf") if row[3] == NEVER else row[3]


def _is_verdict(row: Row) -> bool:
    allowed, limit, remaining, wait_ms, reset_ms = row
    return (
        type(allowed) is type(limit) is type(remaining) is type(wait_ms) is type(reset_ms) is int
        and 0 <= allowed <= 1
        and limit >= 0
        and remaining >= 0
        and wait_ms >= (0 if allowed else NEVER)
        and reset_ms >= 0
    )


def _verdict(row: Row, policy: Policy) -> Verdict:
    allowed, limit, remaining, wait_ms, reset_ms = row
    return Verdict(
        allowed=allowed == 1,
        limit=limit,
        remaining=remaining,
        retry_after=0.0 if allowed else None if wait_ms == NEVER else wait_ms / 1000,
        reset_after=reset_ms / 1000,
        wait=wait_ms / 1000 if allowed else 0.0,
        policy=policy.name,
    )

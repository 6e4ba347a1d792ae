"""Every option there is, once: of limiters, of checks, and of the limits that apps set up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from redis_rl.errors import ConfigurationError
from redis_rl.outcome import Outcome

OnError = Literal["closed", "open"]

MOST_COST = 10**12


@dataclass(eq=False, repr=False, kw_only=True)
class LimiterOptions:
    """The options of every limiter, by name only; all have a default."""

    prefix: str = "rl"
    """The first field of every key."""
    timeout: float = 0.1
    """Seconds that a check may take in all, waiting and connecting included."""
    connect_timeout: float = 1.0
    """Seconds that connecting may take. Checks that wait for it end at their own deadline."""
    on_error: OnError = "closed"
    """Without a verdict, `closed` raises StoreUnavailable, and `open` answers an outcome that
    allows, with `source` `failed_open`."""
    legacy: str | None = None
    """Older headers as well: `delta`, `epoch` or `draft6`."""
    ipv6_prefix: int = 64
    """How many bits of an IPv6 address are one client, 32 to 128."""
    trusted_proxies: Iterable[str] = ()
    """CIDRs whose X-Forwarded-For is believed."""
    on_decision: Callable[[Outcome], None] | None = None
    """Called with every outcome."""
    enabled: bool = True
    """False switches all limits off, as for tests: nothing is asked, and every outcome is
    `exempt`."""

    def __post_init__(self) -> None:
        """Raise ConfigurationError for what makes no sense."""
        self.timeout = seconds("timeout", self.timeout)
        self.connect_timeout = seconds("connect_timeout", self.connect_timeout)
        checked_mode(self.on_error)
        if not isinstance(self.enabled, bool):
            raise ConfigurationError(f"enabled must be True or False, not {self.enabled!r}")


class CheckOptions(TypedDict, total=False):
    """The options of one check."""

    name: str | None
    """What its policies are called, and its keys, if there is no `scope`."""
    scope: str | None
    """What its keys are called, if not `name`."""
    cost: int
    """How much it charges: 1 if left out."""
    on_error: OnError | None
    """Where it differs from the limiter's."""


class LimitOptions(TypedDict, total=False):
    """The options of a limit that an app sets up for its requests, the same in every adapter.

    Functions get the request, as the framework has it.
    """

    key: Callable[..., Any]
    """Who is asking: answers a Subject, or an account's id. The client's address if left out."""
    name: str | None
    """What policies and keys are called, as in `login`. Limits of one name share a budget."""
    scope: str | None
    """What keys are called, if not `name`; without either, method and route template."""
    cost: int | Callable[..., Any]
    """An integer from 0, or a function that answers one. 1 if left out."""
    methods: Collection[str] | None
    """The only methods that are limited, as in `["POST"]`. All if left out."""
    exempt: Callable[..., Any] | None
    """A function: where it answers true, nothing is asked."""
    on_error: OnError | None
    """`closed` or `open`, where it differs from the limiter's."""
    wait: bool
    """Whether requests are held as long as `leaky` limits ask."""


def checked_mode(mode: OnError) -> OnError:
    """Answer it if it is one; else ConfigurationError."""
    if mode not in ("closed", "open"):
        raise ConfigurationError(f"on_error must be 'closed' or 'open', not {mode!r}")
    return mode


def checked_cost(cost: int) -> int:
    """Answer it if it is one; else ConfigurationError."""
    if type(cost) is not int or not 0 <= cost <= MOST_COST:
        raise ConfigurationError(f"cost must be an integer from 0 to 10^12, not {cost!r}")
    return cost


def seconds(option: str, value: float) -> float:
    """Answer an option's seconds if they are above 0; else ConfigurationError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"{option} must be a number of seconds above 0, not {value!r}")
    return float(value)

"""All options in one place: of limiters, of checks, and of the limits that apps set up."""

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
    """The options of every limiter, given by name; all have a default."""

    prefix: str = "rl"
    """The first field of every key."""
    timeout: float = 0.1
    """Seconds that a check may take in total, waiting and connecting included."""
    connect_timeout: float = 1.0
    """Seconds that connecting may take. Checks that wait for it still end at their own deadline."""
    on_error: OnError = "closed"
    """When the server gives no answer, `closed` raises StoreUnavailable, and `open` answers an
    outcome that allows, with the `source` `failed_open`."""
    legacy: str | None = None
    """Adds older headers: `delta`, `epoch` or `draft6`."""
    ipv6_prefix: int = 64
    """How many bits of an IPv6 address stand for one client, 32 to 128."""
    trusted_proxies: Iterable[str] = ()
    """CIDRs of the proxies whose X-Forwarded-For is believed; `unix` for those on a Unix socket."""
    deny_cache: int = 0
    """How many refusals to keep in the process, and repeat without asking until they end."""
    on_decision: Callable[[Outcome], None] | None = None
    """Called with every Outcome, for metrics."""
    enabled: bool = True
    """False switches all limits off, for tests: the server is not asked, and every outcome is
    `exempt`."""

    def __post_init__(self) -> None:
        """Raise ConfigurationError for invalid values."""
        self.timeout = seconds("timeout", self.timeout)
        self.connect_timeout = seconds("connect_timeout", self.connect_timeout)
        checked_mode(self.on_error)
        checked_flag("enabled", self.enabled)


class NamedOptions(TypedDict, total=False):
    """The options of everything that is asked without HTTP."""

    name: str | None
    """The name of its limits in headers, and in keys if there is no `scope`."""
    scope: str | None
    """The second field of its keys, if not `name`."""
    on_error: OnError | None
    """Overrides the limiter's."""


class ReserveOptions(NamedOptions, total=False):
    """The options of a charge that is settled."""

    max_wait: float | None
    """Seconds to wait instead of being refused, if that is enough."""


class CheckOptions(ReserveOptions, total=False):
    """The options of one check."""

    cost: int
    """How much it charges: 1 if left out."""
    retry: bool
    """Whether to ask once more, and charge once, if the connection breaks before the reply."""


class _AnyOptions(TypedDict, total=False):
    """The options of everything that an app sets up for its requests, the same in every adapter.

    Functions are called with the framework's request.
    """

    methods: Collection[str] | None
    """The methods to limit, such as `["POST"]`. Default: all."""
    exempt: Callable[..., Any] | None
    """A function; a request for which it returns true is not limited."""
    on_error: OnError | None
    """`closed` or `open`; overrides the limiter's."""


class PlaceOptions(_AnyOptions, total=False):
    """The options of a limit of so many at once."""

    key: Callable[..., Any]
    """Who is asking: returns a Subject, or a user's id. Default: the client's address."""
    name: str | None
    """The name in headers and keys, such as `uploads`."""
    scope: str | None
    """The second field of keys, if not `name`. Without either: method and route template."""


class RequestOptions(_AnyOptions, total=False):
    """The options of everything that charges."""

    wait: bool
    """Whether to hold requests for as long as `leaky` limits ask."""
    count_if: Callable[..., Any] | None
    """A function of the response; one for which it returns false is not charged after all."""
    reserve: bool
    """Whether the outcome can be settled: `outcome.settle(cost)`."""
    max_wait: float | None
    """Seconds to wait instead of being refused, if that is enough."""
    retry: bool
    """Whether to ask once more, and charge once, if the connection breaks before the reply."""


class LimitOptions(RequestOptions, total=False):
    """The options of a limit."""

    key: Callable[..., Any]
    """Who is asking: returns a Subject, or a user's id. Default: the client's address."""
    name: str | None
    """The name in headers and keys, such as `login`. Limits of one name share a budget."""
    scope: str | None
    """The second field of keys, if not `name`. Without either: method and route template."""
    cost: int | Callable[..., Any]
    """An integer from 0, or a function that returns one. Default: 1."""


class AllOptions(RequestOptions, total=False):
    """The options of limits of several subjects at once."""

    slot: str | Callable[..., Any] | None
    """The hash tag of the keys, or a function that returns it; a cluster needs one."""


def checked_mode(mode: OnError) -> OnError:
    """Return it if it is valid; else raise ConfigurationError."""
    if mode not in ("closed", "open"):
        raise ConfigurationError(f"on_error must be 'closed' or 'open', not {mode!r}")
    return mode


def checked_cost(cost: int) -> int:
    """Return it if it is valid; else raise ConfigurationError."""
    if type(cost) is not int or not 0 <= cost <= MOST_COST:
        raise ConfigurationError(f"cost must be an integer from 0 to 10^12, not {cost!r}")
    return cost


def checked_estimate(cost: int) -> int:
    """Return it if it is valid; else raise ConfigurationError."""
    if type(cost) is not int or not 1 <= cost <= MOST_COST:
        raise ConfigurationError(f"cost must be an integer from 1 to 10^12, not {cost!r}")
    return cost


def checked_flag(option: str, value: bool) -> bool:
    """Return it if it is valid; else raise ConfigurationError."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{option} must be True or False, not {value!r}")
    return value


def seconds(option: str, value: float) -> float:
    """Return an option's seconds if they are above 0; else raise ConfigurationError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"{option} must be a number of seconds above 0, not {value!r}")
    return float(value)

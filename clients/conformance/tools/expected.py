"""What an answer must be, to the letter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import http_sf

from conformance.tools.wire import Answer

RATE_HEADERS = ("RateLimit", "RateLimit-Policy", "Retry-After")
TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"
STORE_WORDS = ("redis", "valkey", "rl.", "rl:", "127.0.0.1", "connect", "socket", "module")


@dataclass(frozen=True)
class Policy:
    """A limit as RateLimit-Policy tells of it."""

    name: str
    q: int
    w: int

    def __str__(self) -> str:
        """As it is written there."""
        return f'"{self.name}";q={self.q};w={self.w}'


def members(answer: Answer, name: str) -> list[tuple[str, dict[str, Any]]]:
    """The members of a structured field: names that are Strings, with integer parameters."""
    value = answer.header(name)
    assert value is not None, f"{name} is not there"
    parsed: Any = http_sf.parse(value.encode("ascii"), tltype="list")
    for member, parameters in parsed:
        assert type(member) is str, f"{member!r} is no String"
        assert all(type(number) is int for number in parameters.values()), value
    return list(parsed)


def allowed(answer: Answer, *left: tuple[Policy, int, int], status: int = 200) -> None:
    """An admitted request; `left` has each policy with its r and t."""
    assert answer.status == status, (answer.status, answer.body)
    policies = [(policy.name, {"q": policy.q, "w": policy.w}) for policy, _, _ in left]
    assert members(answer, "RateLimit-Policy") == policies
    assert answer.header("RateLimit-Policy") == ", ".join(str(policy) for policy, _, _ in left)
    numbers = [(policy.name, {"r": r, "t": t}) for policy, r, t in left]
    assert members(answer, "RateLimit") == numbers
    text = ", ".join(f'"{policy.name}";r={r};t={t}' for policy, r, t in left)
    assert answer.header("RateLimit") == text
    assert answer.header("Retry-After") is None


def denied(
    answer: Answer,
    *policies: Policy,
    by: dict[str, int | None],
    left: dict[str, int] | None = None,
    head: bool = False,
) -> None:
    """A refusal; `by` has the policies that deny with the seconds to wait, None for never.

    `left` has what remains of them, nothing unless named.
    """
    assert answer.status == 429, (answer.status, answer.body)
    assert answer.header("RateLimit-Policy") == ", ".join(map(str, policies))
    r = {name: (left or {}).get(name, 0) for name in by}
    waits = [
        (name, {"r": r[name]} if t is None else {"r": r[name], "t": t}) for name, t in by.items()
    ]
    assert members(answer, "RateLimit") == waits
    text = ", ".join(
        f'"{name}";r={r[name]}' + ("" if t is None else f";t={t}") for name, t in by.items()
    )
    assert answer.header("RateLimit") == text
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Content-Type") == "application/problem+json"
    body: dict[str, Any] = {
        "type": TYPE,
        "title": "Quota Exceeded",
        "status": 429,
        "violated-policies": list(by),
    }
    times = [t for t in by.values() if t is not None]
    if len(times) < len(by):
        assert answer.header("Retry-After") is None
        body["detail"] = "Rate limit exceeded, the cost of this request is above the limit"
    else:
        assert min(times) >= 1
        assert answer.header("Retry-After") == str(max(times))
        body["detail"] = f"Rate limit exceeded, retry in {max(times)} s"
        body["retry_after"] = max(times)
    if head:
        assert answer.body == b""
    else:
        assert answer.json() == body


def unlimited(answer: Answer, status: int = 200) -> None:
    """An answer that tells of no limit."""
    assert answer.status == status, (answer.status, answer.body)
    assert not any(answer.lines(name) for name in RATE_HEADERS), answer.headers


def unidentified(answer: Answer) -> None:
    """There is nobody to limit: the client's fault, and no outage."""
    assert answer.status == 400, (answer.status, answer.body)
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Content-Type") == "application/problem+json"
    assert not any(answer.lines(name) for name in RATE_HEADERS), answer.headers
    assert answer.json() == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The client cannot be identified",
    }


def unavailable(answer: Answer) -> None:
    """An outage: a client learns when to come back, and nothing of what is behind."""
    assert answer.status == 503, (answer.status, answer.body)
    assert answer.header("Retry-After") == "1"
    assert answer.header("Content-Type") == "application/problem+json"
    assert not answer.lines("RateLimit")
    assert not answer.lines("RateLimit-Policy")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "Rate limiter unavailable",
    }
    said = [value for name, value in answer.headers if name.lower() != "connection"]
    text = " ".join([*said, answer.body.decode()]).lower()
    assert not [word for word in STORE_WORDS if word in text], text

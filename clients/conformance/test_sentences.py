"""Errors that a developer meets: the same option has the same sentence in Python and in Node."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any, cast

import pytest
from redis_rl import ConfigurationError, Subject, SyncRateLimiter
from redis_rl.options import LimitOptions
from redis_rl.rules.rule import Rule

from conformance.tools.apps import HELPERS

NODE = """
import { createLimiter, Limit } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
const off = createLimiter({ enabled: false });
const make = {
  limiter: (options) => createLimiter({ enabled: false, ...options }),
  route: (options) => rateLimit(off, { limits: '5/minute', ...options }),
};
const told = JSON.parse(process.argv[1]).map(([what, options]) => {
  try {
    make[what](options);
    return null;
  } catch (error) {
    return error.message;
  }
});
console.log(JSON.stringify(told));
"""

LIMITER: dict[str, Any] = {
    "prefix": "",
    "legacy": "draft3",
    "on_error": "ajar",
    "ipv6_prefix": 31,
    "trusted_proxies": "10.0.0.0/8",
}
ROUTE: dict[str, Any] = {
    "cost": -1,
    "key": "ip",
    "exempt": "ip",
    "on_error": "ajar",
    "scope": "",
    "name": "a b",
}
LIMITS = [
    "1/minuet", "", "5/0minutes", "5/400 days", "log 1000001/minute", "token 0/second",
    "fixed 5/minute burst 2", "5/minute; 6/minute", "policy a b", "1000000000001/minute",
]  # fmt: skip


def camel(name: str) -> str:
    """An option as Node spells it."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def make(what: str, options: dict[str, Any]) -> None:
    """Make in Python what NODE makes."""
    if what == "limiter":
        SyncRateLimiter("redis://localhost", **options)
    else:
        limits, given = options.get("limits", "5/minute"), {**options}
        given.pop("limits", None)
        Rule((limits,), cast(LimitOptions, given), lambda: Subject.user("1"))


def refusal(what: str, options: dict[str, Any]) -> str:
    """What Python says."""
    with pytest.raises(ConfigurationError) as raised:
        make(what, options)
    return str(raised.value)


def test_an_option_has_one_sentence() -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        *(("limiter", {name: value}) for name, value in LIMITER.items()),
        *(("limiter", {"trusted_proxies": [wrong]}) for wrong in ("*", "10.0.0.0/33")),
        *(("route", {name: value}) for name, value in ROUTE.items()),
        *(("route", {"limits": limits}) for limits in LIMITS),
    ]
    asked = [(what, {camel(one): value for one, value in given.items()}) for what, given in cases]
    node = subprocess.run(
        ["node", "--input-type=module", "-e", NODE, json.dumps(asked)],
        cwd=HELPERS["node"].folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    for (what, options), said in zip(cases, json.loads(node.stdout), strict=True):
        (option,) = options
        assert said == refusal(what, options).replace(option, camel(option)), (what, options)

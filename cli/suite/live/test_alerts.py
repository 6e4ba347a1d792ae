"""Each alert fires when it should, and none on an ordinary day."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from suite.tools import prometheus
from suite.tools.prometheus import RULES, promtool

pytestmark = prometheus.needed

FILE = RULES / "redis-rl.rules.yml"
END = 150
"""How many minutes there are samples for, one in each."""


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    words = ", ".join(
        f'{label}="{value}"'
        for label, value in {"job": "redis-rl", "instance": "h:1", **labels}.items()
    )
    return {"series": f"redis_rl_{name}{{{words}}}", "values": values}


def decisions(allowed: str, denied: str) -> list[dict[str, str]]:
    # Those by algorithm and policy are not counted once more.
    return [
        series("decisions_total", allowed, verdict="allowed"),
        series("decisions_total", denied, verdict="denied"),
        series("decisions_total", count(900), verdict="denied", algorithm="fixed"),
        series("decisions_total", count(900), verdict="denied", policy="api"),
    ]


def gauge(value: int) -> str:
    """One that stays."""
    return f"{value}x{END}"


def fallen(value: int, to: int) -> str:
    """One that is lower for the last ten minutes."""
    return f"{value}x{END - 10} {to}x20"


def count(a_minute: int, lately: int | None = None, minutes: int = 20) -> str:
    """A count that grows so much a minute, and otherwise for the last `minutes`."""
    if lately is None:
        return f"0+{a_minute}x{END}"
    before = END - minutes
    return f"0+{a_minute}x{before} {a_minute * before + lately}+{lately}x{minutes}"


QUIET = [
    series("up", gauge(1)),
    series("up", gauge(1), instance="h:2"),
    series("policies", gauge(3)),
    series("policies", gauge(3), instance="h:2"),
    *decisions(count(6000), count(120)),
    *(
        series(name, gauge(5))
        for name in ("errors", "keys_evicted", "receipts_dropped", "shadow_skipped")
    ),
    series("settled_unknown", count(1)),
    series("settled_less", count(100)),
    series("settled_more", count(20)),
    series("leases_ended", count(1)),
    series("leases_released", count(50)),
    series("bans_started", count(2)),
]

LOUD = {
    "RedisRlDown": [series("up", fallen(1, 0))],
    "RedisRlErrors": [series("errors", count(0, 1))],
    "RedisRlDeniedShare": decisions(count(6000), count(120, 2000)),
    "RedisRlDecisionsFell": decisions("0+6000x1440 8640000+100x30", "0+1x1470"),
    "RedisRlKeysEvicted": [series("keys_evicted", count(0, 1))],
    "RedisRlReceiptsDropped": [series("receipts_dropped", count(0, 1))],
    "RedisRlSettledUnknown": [series("settled_unknown", count(1, 60, 40))],
    "RedisRlLeasesEnded": [series("leases_ended", count(1, 40, 40))],
    "RedisRlBans": [series("bans_started", "0+2x1440 2880+60x30")],
    "RedisRlShadowSkipped": [series("shadow_skipped", count(0, 1))],
    "RedisRlPoliciesDiffer": [series("policies", fallen(3, 2), instance="h:2")],
}


LOOK_BACK = ("RedisRlDecisionsFell", "RedisRlBans")
"""These compare with a day ago: their series are as long, and no others are beside them."""


def fires(
    tmp_path: Path, inputs: list[dict[str, str]], expected: list[str], minutes: int = END
) -> None:
    """Check which alerts fire after so many minutes."""
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected]
    expression = 'group by (alertname) (ALERTS{alertstate="firing"})'
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": inputs,
        "promql_expr_test": [
            {"expr": expression, "eval_time": f"{minutes}m", "exp_samples": samples}
        ],
    }
    every = "1m" if minutes == END else "5m"
    file = tmp_path / "test.yml"
    file.write_text(
        json.dumps({"rule_files": [str(FILE)], "evaluation_interval": every, "tests": [test]})
    )
    assert "SUCCESS" in promtool("test", "rules", file)


def test_each_alert_has_a_test() -> None:
    assert re.findall(r"alert: (\w+)", FILE.read_text()) == list(LOUD)


def test_none_fires_on_an_ordinary_day(tmp_path: Path) -> None:
    fires(tmp_path, QUIET, [])


@pytest.mark.parametrize("name", LOUD)
def test_an_alert_fires_when_it_should(tmp_path: Path, name: str) -> None:
    loud = LOUD[name]
    named = {one["series"] for one in loud}
    if name in LOOK_BACK:
        fires(tmp_path, loud, [name], 1470)
    else:
        quiet = [one for one in QUIET if one["series"] not in named]
        fires(tmp_path, quiet + loud, [name])

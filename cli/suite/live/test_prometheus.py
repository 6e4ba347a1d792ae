"""Our metrics, alerts and dashboard in Debian's Prometheus; and those of redis_exporter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from suite.tools import prometheus
from suite.tools.live import Exporter
from suite.tools.prometheus import RULES, Prometheus, RedisExporter, promtool
from support.eventually import eventually
from support.paths import ROOT
from support.pool import NewServer
from support.server import Server

pytestmark = [prometheus.needed, pytest.mark.timeout(600)]

DASHBOARD = ROOT / "packaging" / "grafana" / "redis-rl.json"
KEYS = ["mail:ann@example.com", "10.20.30.40"]
DEADLINE_S = 120.0


def panels() -> Iterator[dict[str, Any]]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield panel
        yield from panel.get("panels", [])


def expressions() -> list[str]:
    """All queries of the dashboard."""
    return [target["expr"] for panel in panels() for target in panel.get("targets", [])]


def make_calls(server: Server) -> None:
    with server.raw() as raw:
        for key in KEYS:
            for _ in range(2):
                raw("RL.LIMIT", key, "POLICY", "api")
        raw("RL.FIXED", KEYS[0], "x", "1m")


def set_policy(server: Server) -> None:
    with server.raw() as raw:
        raw("RL.POLICY", "SET", "api", "FIXED", 3, "1m", "TOKEN", 9, 1, "1m")


def scrape_job(config: str) -> Any:
    """The job of the example, for another port."""
    text = (RULES / "prometheus.yml").read_text()
    assert "job_name: redis-rl\n" in text
    assert "honor_labels: true\n" in text
    return {
        "job_name": "redis-rl",
        "honor_labels": True,
        "static_configs": [{"targets": [config]}],
    }


def by_instance(watching: Prometheus, metric: str) -> dict[str, float]:
    """A metric's samples by the servers that they are of."""
    return {one["instance"]: value for one, value in watching.query(metric)}


def gives_data(watching: Prometheus, server: Server) -> None:
    """Check that each query of the dashboard gives something."""
    asked = expressions()
    assert len(asked) > 25

    def silent() -> list[str]:
        make_calls(server)
        return [expression for expression in asked if not watching.query(expression)]

    eventually(lambda: not silent(), DEADLINE_S)


def test_rules_and_configuration_are_valid() -> None:
    for file in sorted(RULES.glob("*.rules.yml")):
        assert "SUCCESS" in promtool("check", "rules", file)
    assert "SUCCESS" in promtool("check", "config", RULES / "prometheus.yml")


def test_the_dashboard_shows_what_export_tells(new_server: NewServer, tmp_path: Path) -> None:
    server, other = new_server(), new_server()
    set_policy(server)
    set_policy(other)
    urls = [f"redis://127.0.0.1:{one.port}" for one in (server, other)]
    with (
        Exporter(tmp_path, *urls) as export,
        Prometheus(tmp_path, [scrape_job(export.address)], ["redis-rl.rules.yml"]) as watching,
    ):
        # What a busy machine does not answer in time is away until it is asked again.
        both = {f"127.0.0.1:{one.port}": 1.0 for one in (server, other)}
        eventually(lambda: by_instance(watching, "redis_rl_up") == both, DEADLINE_S)
        gives_data(watching, server)
        rules = watching.get("rules")["groups"][0]["rules"]
        assert [rule for rule in rules if rule["health"] == "err"] == []

        total = 'sum(redis_rl_decisions_total{algorithm="", policy=""})'
        with server.raw() as raw:
            info = bytes(raw("INFO", "ratelimit")).decode()  # type: ignore[arg-type]
        counted = sum(map(int, re.findall(r"ratelimit_decisions_\w+:(\d+)", info)))
        eventually(lambda: [n for _, n in watching.query(total)] == [counted], DEADLINE_S)

        told = json.dumps(watching.get("series", **{"match[]": '{job="redis-rl"}'}))
        assert "redis_rl_decisions_total" in told
        assert not [key for key in KEYS if key in told]

        server.kill9()
        one_down = {**both, f"127.0.0.1:{server.port}": 0.0}
        eventually(lambda: by_instance(watching, "redis_rl_up") == one_down, DEADLINE_S)
        # The rest of it goes, and does not stand still.
        gone = f'redis_rl_decisions_total{{instance="127.0.0.1:{server.port}"}}'
        eventually(lambda: watching.query(gone) == [], DEADLINE_S)
        alert = 'ALERTS{alertname="RedisRlDown"}'
        eventually(lambda: watching.query(alert), DEADLINE_S)


def test_the_dashboard_shows_what_redis_exporter_tells(
    new_server: NewServer, tmp_path: Path
) -> None:
    server = new_server()
    set_policy(server)
    with RedisExporter(tmp_path, server) as exporter:
        job = {
            "job_name": "redis",
            "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}],
        }
        rules = ["redis-rl.rules.yml", "redis_exporter.rules.yml"]
        with Prometheus(tmp_path, [job], rules) as watching:
            gives_data(watching, server)
            failed = [
                rule
                for group in watching.get("rules")["groups"]
                for rule in group["rules"]
                if rule["health"] == "err"
            ]
            assert failed == []
            of_policy = 'redis_rl_decisions_total{policy="api",verdict="denied"}'
            eventually(lambda: any(n > 0 for _, n in watching.query(of_policy)), DEADLINE_S)
            told = json.dumps(watching.get("series", **{"match[]": '{job="redis"}'}))
            assert not [key for key in KEYS if key in told]


def test_the_dashboard_names_no_variable_that_it_lacks() -> None:
    board = json.loads(DASHBOARD.read_text())
    text = json.dumps(board["panels"])
    variables = {one["name"] for one in board["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", text)) <= variables
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))

"""`redis-rl export`: what all servers count, as Prometheus reads it."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from suite.tools.live import Exporter, tool
from suite.tools.takeover import no_takeover
from support.cluster import PRIMARIES, Cluster
from support.eventually import eventually
from support.paths import ROOT
from support.pool import NewServer
from support.resp import Status, encode
from support.server import Server

PAGE = ROOT / "docs" / "watching.md"
SECRET_KEYS = ["mail:ann@example.com", "10.20.30.40"]
PLACED = re.compile(r"(decisions|fixed|sliding|log|token|leaky|policy_.*)_(allowed|denied)")
"""Fields that are not metrics of their own: their numbers are in redis_rl_decisions_total."""


def url(server: Server, user: str = "") -> str:
    return f"redis://{user}127.0.0.1:{server.port}"


def of(server: Server, metric: str, *labels: str) -> str:
    words = [*labels, f'instance="127.0.0.1:{server.port}"']
    return f"redis_rl_{metric}{{{','.join(words)}}}"


def decisions(server: Server, verdict: str, *labels: str) -> str:
    return of(server, "decisions_total", f'verdict="{verdict}"', *labels)


def used(server: Server) -> None:
    """Make calls: of every algorithm, of a policy, denied, wrong."""
    with server.raw() as raw:
        raw("RL.POLICY", "SET", "t:1", "FIXED", 2, "1m", "TOKEN", 9, 1, "1m")
        for key in SECRET_KEYS:
            for _ in range(3):
                raw("RL.LIMIT", key, "POLICY", "t:1")
        for name in ("sliding", "log"):
            raw(f"RL.{name}", SECRET_KEYS[0], 1, "1m")
        raw("RL.LEAKY", SECRET_KEYS[0], 1, 1, "1m")
        raw("RL.FIXED", SECRET_KEYS[0], "x", "1m")


def info(server: Server) -> dict[str, float]:
    with server.raw() as raw:
        told = bytes(raw("INFO", "ratelimit")).decode()  # type: ignore[arg-type]
    return {
        name: float(value)
        for name, value in re.findall(r"^ratelimit_([^:\r]+):(\d+)", told, re.MULTILINE)
    }


def test_every_field_of_info_is_exported(new_server: NewServer, tmp_path: Path) -> None:
    server = new_server()
    used(server)
    with Exporter(tmp_path, url(server)) as export:
        samples = export.samples()
    fields = info(server)
    assert samples.pop(of(server, "up")) == 1
    for verdict in ("allowed", "denied"):
        total = samples.pop(decisions(server, verdict))
        assert total == fields[f"decisions_{verdict}"] > 0
        for algorithm in ("fixed", "sliding", "log", "token", "leaky"):
            count = samples.pop(decisions(server, verdict, f'algorithm="{algorithm}"'))
            assert count == fields[f"{algorithm}_{verdict}"]
        assert (
            samples.pop(decisions(server, verdict, 'policy="t:1"'))
            == {
                "allowed": 4,
                "denied": 2,
            }[verdict]
        )
    shadow = of(server, "policy_shadow_denied", 'policy="t:1"')
    assert samples.pop(shadow, 0) == fields.pop("policy_t|1_shadow_denied", 0)
    others = {name for name in fields if not PLACED.fullmatch(name)}
    assert "shadow_denied" not in fields or "shadow_denied" in others
    assert samples == {of(server, name): fields[name] for name in others}
    assert fields["errors"] == 1


def test_each_metric_has_its_help_and_type_once(new_server: NewServer, tmp_path: Path) -> None:
    server = new_server()
    used(server)
    with Exporter(tmp_path, url(server)) as export:
        lines = export.scrape().splitlines()
    names = [line.split("{")[0] for line in lines if not line.startswith("#")]
    helps = [line.split()[2] for line in lines if line.startswith("# HELP ")]
    types = dict(line.split()[2:] for line in lines if line.startswith("# TYPE "))
    assert helps == list(types) == list(dict.fromkeys(names))
    assert types["redis_rl_decisions_total"] == types["redis_rl_errors"] == "counter"
    assert types["redis_rl_up"] == types["redis_rl_policies"] == "gauge"
    # All samples of a metric are together.
    assert names == sorted(names, key=helps.index)


def test_a_key_is_nowhere(new_server: NewServer, tmp_path: Path) -> None:
    server = new_server()
    used(server)
    with Exporter(tmp_path, url(server)) as export:
        told = export.scrape() + export.program.log()
    for key in SECRET_KEYS:
        assert key not in told
    labels = set(re.findall(r"(\w+)=\"", told))
    assert labels == {"instance", "verdict", "algorithm", "policy"}


def test_a_server_that_is_away_is_down_and_nothing_else(
    new_server: NewServer, tmp_path: Path
) -> None:
    one, other = new_server(), new_server()
    with Exporter(tmp_path, url(one), url(other)) as export:
        assert export.samples()[of(one, "up")] == 1
        one.kill9()
        samples = export.samples()
        assert {name for name in samples if str(one.port) in name} == {of(one, "up")}
        assert samples[of(one, "up")] == 0
        assert samples[of(other, "up")] == 1
        assert decisions(other, "allowed") in samples
        one.start()
        # The connection that it kept is gone, which is no reason to call it down.
        other.restart()
        samples = export.samples()
        assert samples[of(other, "up")] == 1
        assert samples[of(one, "up")] == 1
        assert samples[decisions(one, "allowed")] == 0
        log = export.program.log()
    assert f"127.0.0.1:{one.port} is away: " in log
    assert f"127.0.0.1:{one.port} is back" in log
    assert f"127.0.0.1:{other.port} is" not in log


def test_a_server_that_hangs_is_down_in_time(new_server: NewServer, tmp_path: Path) -> None:
    one, other = new_server(), new_server()
    with Exporter(tmp_path, url(one), url(other)) as export:
        with one.raw() as raw:
            raw.send(encode(["DEBUG", "SLEEP", "60"]))
            samples = export.samples()
        assert samples[of(one, "up")] == 0
        assert samples[of(other, "up")] == 1
    one.kill9()


def test_a_server_without_the_module_is_down(new_server: NewServer, tmp_path: Path) -> None:
    server = new_server(module=None)
    with Exporter(tmp_path, url(server)) as export:
        assert export.samples() == {of(server, "up"): 0}
        assert "the module is not loaded" in export.program.log()


def test_passwords_are_not_told(new_server: NewServer, tmp_path: Path) -> None:
    server = new_server(config={"requirepass": "s3cret"})
    with Exporter(tmp_path, url(server, ":s3cret@"), "redis://:s3cret@127.0.0.1:1") as export:
        told = export.scrape() + export.program.log()
        assert export.samples()[of(server, "up")] == 1
    assert "s3cret" not in told


def test_all_primaries_of_a_cluster_are_exported_from_one(cluster: Cluster, tmp_path: Path) -> None:
    primaries, replicas = cluster.nodes[:PRIMARIES], cluster.nodes[PRIMARIES:]
    ups = {of(node, "up") for node in primaries}
    # Two URLs of the same cluster are one cluster.
    with Exporter(tmp_path, url(replicas[0]), url(primaries[1])) as export:

        def up() -> dict[str, float]:
            return {name: value for name, value in export.samples().items() if "_up{" in name}

        assert up() == dict.fromkeys(ups, 1)
        # Another takes over, and is found: the one that was asked for is no longer needed.
        with no_takeover(replicas[1]):
            replicas[0].kill9()
            primaries[1].kill9()
            assert up()[of(primaries[1], "up")] == 0
        cluster.wait_for_takeover(replicas[1])
        expected = {of(node, "up"): 1 for node in (primaries[0], replicas[1], primaries[2])}
        eventually(lambda: up() == expected)


def test_it_ends_when_it_is_told_to(new_server: NewServer, tmp_path: Path) -> None:
    server = new_server()
    for number, which in enumerate((signal.SIGTERM, signal.SIGINT)):
        folder = tmp_path / str(number)
        folder.mkdir()
        with Exporter(folder, url(server)) as export:
            export.scrape()
            export.program.signal(which)
            assert export.program.ended(60) == 0


def test_only_metrics_are_there(new_server: NewServer, tmp_path: Path) -> None:
    with Exporter(tmp_path, url(new_server())) as export:
        with urlopen(f"http://{export.address}/", timeout=60) as page:
            assert b'href="/metrics"' in page.read()
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"http://{export.address}/other", timeout=60)


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        told = tool("export", "redis://127.0.0.1:1", "--listen", address, code=1)
    assert f"cannot listen on {address}" in told.stderr
    assert "--listen" in tool("export", "--listen", "nowhere", code=2).stderr
    assert not list(tmp_path.iterdir())


def test_users_need_no_more_rights_than_the_page_says(
    new_server: NewServer, tmp_path: Path
) -> None:
    server = new_server()
    lines = re.findall(r"^ACL SETUSER (.+)$", PAGE.read_text(), re.MULTILINE)
    with server.raw() as raw:
        raw("RL.POLICY", "SET", "api", "FIXED", 5, "1m")
        for line in lines:
            assert raw("ACL", "SETUSER", *line.split()) == Status("OK")
    users = {name: url(server, f"{name}:secret@") for name in ("exporter", "watcher", "keeper")}
    with Exporter(tmp_path, users["exporter"]) as export:
        assert export.samples()[of(server, "up")] == 1
    told = tool("watch", "--once", "--interval", "100ms", users["watcher"])
    assert re.search(r"^api .* FIXED 5 1m$", told.stdout, re.MULTILINE)
    assert "RL.TOP" not in told.stdout
    with server.client(username="watcher", password="secret") as client:
        assert client.execute_command("RL.TOP", "RESET") == []
    file = tmp_path / "policies.json"
    file.write_text('{"new": ["FIXED 1 1m"]}')
    told = tool("policies", "apply", "--prune", file, users["keeper"])
    assert "1 added, 1 removed" in told.stdout

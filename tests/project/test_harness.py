"""The tests' own tools: what they promise holds on each kind of server, without the module."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from fetch_servers import MORE_SOURCES, SOURCES
from support import replication
from support.clock import START_MS
from support.eventually import eventually
from support.paths import ROOT
from support.pool import NewServer
from support.ports import claim, give_back
from support.resp import Failure, Status
from support.server import Server, ServerFailed

pytestmark = pytest.mark.all_servers


@pytest.fixture
def plain(new_server: NewServer) -> Server:
    """A server without the module."""
    return new_server(module=None)


def time_us(server: Server) -> int:
    """What the server's TIME says, in microseconds."""
    seconds, us = server.client().execute_command("TIME")
    return int(seconds) * 1_000_000 + int(us)


def test_it_is_the_kind_that_was_asked_for(plain: Server) -> None:
    found = replication.info(plain.client(), "server")
    told = found.get("valkey_version" if plain.kind.is_valkey else "redis_version")
    assert told == plain.kind.version
    assert plain.kind.version.startswith({**SOURCES, **MORE_SOURCES}[plain.kind.name].version)
    assert found["process_id"] == plain.pid


def test_the_clock_stands_still_until_it_is_set(plain: Server) -> None:
    assert time_us(plain) == START_MS * 1000
    assert time_us(plain) == START_MS * 1000
    plain.clock.advance(1)
    assert time_us(plain) == (START_MS + 1) * 1000
    plain.clock.advance(-5_000)
    assert time_us(plain) == (START_MS - 4_999) * 1000
    plain.clock.set_us(1_234_567_890_123_457)
    assert time_us(plain) == 1_234_567_890_123_457
    assert plain.clock.now_ms() == 1_234_567_890_123


def test_expiry_follows_the_clock_to_the_millisecond(plain: Server) -> None:
    client = plain.client()
    client.set("k", "v", px=1_000)
    plain.clock.advance(999)
    assert client.pttl("k") == 1
    plain.clock.advance(1)
    assert (client.pttl("k"), client.get("k")) == (0, b"v"), "a key lives at its very deadline"
    plain.clock.advance(1)
    assert client.get("k") is None


def test_the_clock_stands_still_however_long_a_command_takes(plain: Server) -> None:
    busy = "for i = 1, 1000000 do end return redis.call('TIME')"
    with plain.raw() as connection:
        at_start = [b"%d" % (START_MS // 1000), b"0"]
        assert connection("EVAL", busy, 0) == at_start
        assert connection.pipeline([["TIME"]] * 5_000) == [at_start] * 5_000


def test_a_running_clock_runs_at_its_offset(plain: Server) -> None:
    plain.clock.offset_ms(3_600_000)
    before = time.time_ns() // 1000
    seen = time_us(plain) - 3_600_000_000
    after = time.time_ns() // 1000
    assert before <= seen <= after
    eventually(lambda: time_us(plain) - 3_600_000_000 > after)


def test_a_clock_that_runs_goes_on_from_where_it_stood(plain: Server) -> None:
    plain.clock.advance(5_000)
    plain.clock.run()
    first = time_us(plain)
    assert 0 <= first - (START_MS + 5_000) * 1000 < 60_000_000
    eventually(lambda: time_us(plain) > first)
    plain.clock.run()
    assert time_us(plain) > first


def test_each_server_has_its_own_clock(new_server: NewServer) -> None:
    one, other = new_server(module=None), new_server(module=None)
    other.clock.advance(3_600_000)
    assert time_us(other) - time_us(one) == 3_600_000_000


def test_restart_keeps_port_data_and_books(plain: Server) -> None:
    plain.client().set("k", "v")
    plain.client().save()
    first = plain.pid
    plain.restart()
    assert plain.pid != first
    assert plain.client().get("k") == b"v"
    assert replication.info(plain.client(), "server")["process_id"] == plain.pid


def test_killed_with_appendfsync_always_it_comes_back_with_its_writes(
    new_server: NewServer,
) -> None:
    server = new_server(module=None, config={"appendonly": "yes", "appendfsync": "always"})
    server.client().set("k", "v")
    server.kill9()
    assert not server.running
    server.start()
    assert server.client().get("k") == b"v"


def test_the_ports_of_a_killed_server_wait_for_it(plain: Server) -> None:
    """A test beside it once took the port of a node that was to come back."""
    plain.kill9()
    asked = "import sys; from support.ports import claim; print(claim(int(sys.argv[1])))"
    for port in (plain.port, plain.bus_port):
        elsewhere = [sys.executable, "-c", asked, str(port)]
        told = subprocess.check_output(elsewhere, cwd=ROOT / "tests", text=True, timeout=60)
        assert (claim(port), told) == (False, "False\n")
    port = plain.port
    plain.start()
    plain.close()
    assert claim(port)
    give_back(port)


def test_an_end_of_its_own_is_noticed(plain: Server) -> None:
    process = plain._process
    assert process is not None
    process.kill()
    with pytest.raises(ServerFailed, match="ended by itself with -9"):
        plain.check()
    plain._process = None


def test_a_crash_is_noticed_in_the_log(new_server: NewServer) -> None:
    # The report's test of all memory takes long.
    server = new_server(module=None, config={"crash-memcheck-enabled": "no"})
    with pytest.raises(ConnectionError), server.raw() as connection:
        connection("DEBUG", "SEGFAULT")
    with pytest.raises(ServerFailed, match="BUG REPORT"):
        server.close()
    (server.folder / "server.log").unlink()


def test_a_server_that_cannot_start_says_why(new_server: NewServer) -> None:
    with pytest.raises(ServerFailed, match="maxmemory-policy"):
        new_server(module=None, config={"maxmemory-policy": "nonsense"})


def test_a_replica_an_hour_off_is_in_sync_and_expires_by_its_own_clock(
    new_server: NewServer,
) -> None:
    primary, replica = new_server(module=None), new_server(module=None)
    replica.clock.advance(3_600_000)
    primary.client().set("before", "1")
    replication.attach(replica, primary)
    before = replication.offset(primary.client())
    assert primary.client().get("before") == b"1"
    assert replication.offset(primary.client()) == before
    primary.client().set("after", "2", px=7_200_000)
    assert replication.offset(primary.client()) > before
    replication.wait_in_sync(primary, replica)
    assert replication.calls(replica.client())["set"] == 1
    keys = ("before", "after", "missing")
    same = replication.digest(primary.client(), *keys)
    assert replication.digest(replica.client(), *keys) == same
    assert same[2] == "0" * 40 != same[0]
    assert replica.client().pttl("after") == 3_600_000
    replication.promote(replica)
    assert replica.client().set("mine", "3")


def test_a_raw_connection_gives_replies_as_they_are(plain: Server) -> None:
    with plain.raw() as connection:
        assert connection("SET", b"\x00\xff\r\n", 1) == Status("OK")
        assert connection("GET", b"\x00\xff\r\n") == b"1"
        assert connection("INCR", b"\x00\xff\r\n") == 2
        failed = connection("LPUSH", b"\x00\xff\r\n", "x")
        assert isinstance(failed, Failure)
        assert failed.text.startswith("WRONGTYPE ")
        replies = connection.pipeline([["ECHO", "a"], ["GET", "none"], ["KEYS", "*"]])
        assert replies == [b"a", None, [b"\x00\xff\r\n"]]
        assert isinstance(connection("HELLO", 3), dict)
        assert connection("GET", "none") is None
        connection.send(b"PING\r\n")
        assert connection.read() == Status("PONG")


def test_redis_cli_prints_as_on_a_terminal(plain: Server) -> None:
    assert plain.cli("RPUSH", "l", "a", "b") == "(integer) 2\n"
    assert plain.cli("LRANGE", "l", "0", "-1") == '1) "a"\n2) "b"\n'
    assert plain.cli(stdin="MULTI\nLLEN l\nEXEC\n") == "OK\nQUEUED\n1) (integer) 2\n"


def test_a_cluster_of_one_serves_its_slots(new_server: NewServer) -> None:
    server = new_server(module=None, config={"cluster-enabled": "yes"})
    server.clock.run()
    client = server.client()
    client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    eventually(lambda: "cluster_state:ok" in server.cli("CLUSTER", "INFO"))
    assert client.set("k", "v")

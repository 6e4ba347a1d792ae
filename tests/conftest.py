"""The fixtures: a kind of server, a shared server with its clock, servers of a test's own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import redis

from support import kinds
from support.clock import Clock
from support.cluster import Cluster
from support.kinds import Kind
from support.pool import NewServer, Pool
from support.resp import RawConnection
from support.server import Server

SERVERS_OF = pytest.StashKey[list[Server]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer --server."""
    parser.addoption(
        "--server",
        choices=kinds.NAMES,
        help="run every test on this kind of server, whatever its marks say",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what needs a server on the floor, or on all kinds where it is marked so."""
    if "kind" not in metafunc.fixturenames:
        return
    everywhere = metafunc.definition.get_closest_marker("all_servers")
    chosen = metafunc.config.getoption("--server")
    names = [chosen] if chosen else list(kinds.NAMES) if everywhere else [kinds.FLOOR]
    metafunc.parametrize("kind", names, indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of each server's log below a failed test."""
    report = yield
    if report.failed:
        for server in item.stash.get(SERVERS_OF, []):
            title = f"log of {server.kind.name} on port {server.port}"
            report.sections.append((title, server.log_tail()))
    return report


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> Kind:
    """The kind of server that the test runs on.

    Without it the test is skipped, or fails where --server asked for it.
    """
    found = kinds.kind(request.param)
    if not found.available:
        if request.config.getoption("--server"):
            pytest.fail(f"--server: {found.reason}")
        pytest.skip(found.reason)
    return found


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """The servers that the tests of one worker share."""
    pool = Pool(tmp_path_factory.mktemp("shared"))
    yield pool
    pool.close()


@pytest.fixture
def server(request: pytest.FixtureRequest, pool: Pool, kind: Kind) -> Iterator[Server]:
    """A server shared between tests: empty, on a clock that stands at START_MS.

    A test that changes more than keys and the clock (CONFIG, ACL, its life) uses new_server.
    """
    server = pool.get(kind)
    request.node.stash.setdefault(SERVERS_OF, []).append(server)
    pid = server.pid
    yield server
    try:
        server.check()
        assert server.running, "a shared server was stopped: use new_server for that"
        assert server.pid == pid, "a shared server was restarted: use new_server for that"
    except BaseException:
        pool.drop(server)
        raise


@pytest.fixture
def clock(server: Server) -> Clock:
    """The shared server's clock."""
    return server.clock


@pytest.fixture
def client(server: Server) -> Iterator[redis.Redis]:
    """A redis-py client of the shared server, in RESP2, not decoding."""
    with server.client() as client:
        yield client


@pytest.fixture
def raw(server: Server) -> Iterator[RawConnection]:
    """A plain connection to the shared server."""
    with server.raw() as connection:
        yield connection


@pytest.fixture
def new_server(request: pytest.FixtureRequest, kind: Kind, tmp_path: Path) -> Iterator[NewServer]:
    """Start servers of the test's own; each is checked for a crash and ended after it."""
    factory = NewServer(kind, tmp_path, request.node.stash.setdefault(SERVERS_OF, []))
    yield factory
    factory.close()


@pytest.fixture
def cluster(new_server: NewServer, tmp_path: Path) -> Cluster:
    """A cluster of the test's own: three primaries and their replicas, with the module."""
    return Cluster(new_server, tmp_path)

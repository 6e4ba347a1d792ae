"""The fixtures of every suite: servers of its `kind`, shared or of a test's own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from support.clock import Clock
from support.kinds import Kind
from support.pool import NewServer, Pool
from support.server import Server

SERVERS_OF = pytest.StashKey[list[Server]]()


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


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """The servers that the tests of one worker share."""
    pool = Pool(tmp_path_factory.mktemp("shared"))
    yield pool
    pool.close()


@pytest.fixture
def server(request: pytest.FixtureRequest, pool: Pool, kind: Kind) -> Iterator[Server]:
    """A server shared between tests: without keys, functions and policies, its clock at START_MS.

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
def new_server(request: pytest.FixtureRequest, kind: Kind, tmp_path: Path) -> Iterator[NewServer]:
    """Start servers of the test's own; each is checked for a crash and ended after it."""
    factory = NewServer(kind, tmp_path, request.node.stash.setdefault(SERVERS_OF, []))
    yield factory
    factory.close()

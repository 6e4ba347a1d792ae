"""The fixtures: each kind of server in turn, connections to the shared one, a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from support import kinds
from support.cluster import Cluster
from support.kinds import Kind
from support.pool import NewServer
from support.resp import RawConnection
from support.server import Server

pytest_plugins = ["support.fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer --server."""
    parser.addoption(
        "--server",
        choices=kinds.NAMES + kinds.MORE_NAMES,
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
def cluster(new_server: NewServer, tmp_path: Path) -> Cluster:
    """A cluster of the test's own: three primaries and their replicas, with the module."""
    return Cluster(new_server, tmp_path)

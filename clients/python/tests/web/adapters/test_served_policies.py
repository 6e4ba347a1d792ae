"""Policies that the server keeps, in every adapter."""

from collections.abc import Iterator

import pytest

from support.server import Server
from web.apps.adapters import limited
from web.conftest import Serve


@pytest.fixture
def plan(server: Server) -> Iterator[Server]:
    """The shared server with a policy, for this test alone."""
    with server.client() as client:
        client.execute_command("RL.POLICY", "SET", "plan", "FIXED", 2, "1m")
    yield server
    with server.client() as client:
        client.execute_command("RL.POLICY", "DEL", "plan")


def test_a_policy_is_a_limit(make: Serve, plan: Server) -> None:
    site = make(limited("policy plan"))
    assert [site.ask().left for _ in "12"] == [[1], [0]]
    denied = site.ask()
    assert denied.status == 429
    assert denied.headers["ratelimit-policy"] == '"plan";q=2;w=60'
    assert denied.headers["ratelimit"] == '"plan";r=0;t=60'
    with plan.client() as client:
        client.execute_command("RL.POLICY", "SET", "plan", "FIXED", 4, "1m")
    assert site.ask().status == 200


def test_a_policy_beside_others_counts_for_itself(make: Serve, plan: Server) -> None:
    site = make(limited("policy plan; 9/hour"), limited("policy plan"))
    assert site.ask().status == 200
    with plan.client(decode_responses=True) as client:
        first, second = sorted(key.split(":")[1] for key in client.keys("*"))
    assert second == f"{first}%232"


def test_a_policy_that_there_is_not_is_a_503_in_every_mode(
    make: Serve, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    site = make(limited("policy nowhere"), on_error="open")
    assert (site.ask().status, site.served) == (503, 0)
    assert "nowhere" in caplog.text
    with server.client() as client:
        assert client.keys("*") == []

"""Requests that wait instead of being refused, and refusals that are kept, in every adapter."""

import time
from typing import Any

import pytest

from redis_rl import ConfigurationError
from support.pool import NewServer
from support.server import Server
from web.apps.adapters import Adapter, Limited, limited, limited_all
from web.conftest import Serve


def test_a_request_waits_if_that_fits(make: Serve, new_server: NewServer) -> None:
    server = new_server()
    server.clock.offset_ms(0)
    url = f"redis://127.0.0.1:{server.port}"
    site = make(limited("token 2/second burst 1; 9/minute", max_wait=60), url=url)
    began = time.monotonic()
    assert site.statuses(3) == [200] * 3
    assert time.monotonic() - began > 0.9
    short = make(limited("1/hour", name="short", max_wait=0.01), url=url)
    assert short.statuses(2) == [200, 429]


def test_with_count_if_and_with_several_subjects(make: Serve, new_server: NewServer) -> None:
    server = new_server()
    server.clock.offset_ms(0)
    url = f"redis://127.0.0.1:{server.port}"
    counted = make(
        limited("token 2/second burst 1", max_wait=60, name="a", count_if=lambda _: True), url=url
    )
    assert counted.statuses(2) == [200, 200]

    def made(site: Adapter) -> Limited:
        user = site.function(lambda _: "ann")
        return limited_all({"user": ("token 2/second burst 1", user)}, max_wait=60)

    assert make(made, url=url).statuses(2) == [200, 200]


@pytest.mark.parametrize("wrong", [0, -1, 3601, True, "2s"])
def test_a_wrong_time_is_an_error_where_it_is_written(make: Serve, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_wait must be a number of seconds"):
        make(limited("5/minute", max_wait=wrong))


def test_a_refusal_is_repeated_without_asking(make: Serve, server: Server) -> None:
    site = make(limited("1/minute", name="login"), deny_cache=10)
    assert site.statuses(3) == [200, 429, 429]
    again = site.ask()
    assert again.headers["ratelimit-policy"] == '"login";q=1;w=60'
    assert int(again.headers["retry-after"]) in range(1, 61)
    with server.client() as client:
        assert client.info("commandstats")["cmdstat_rl.limit"]["calls"] == 2

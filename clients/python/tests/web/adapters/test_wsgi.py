"""Flask and Django with the synchronous limiter, on a real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client, override_settings
from django.urls import path

from redis_rl import ConfigurationError, Subject, SyncRateLimiter
from redis_rl.django import RateLimits as DjangoLimits
from redis_rl.flask import RateLimits as FlaskLimits
from store.kinds import LONG
from support.ports import free_port

Answer = tuple[int, dict[str, str], bytes]
Get = Callable[..., Answer]


def flask_app(limiter: SyncRateLimiter) -> Get:
    app = flask.Flask(__name__)
    limits = FlaskLimits(app, limiter)

    @app.get("/items")
    @limits.limit("2/minute", name="items")
    def items() -> dict[str, bool]:
        return {"ok": True}

    @app.get("/items/<int:id>")
    @limits.limit("2/minute")
    def item(id: int) -> dict[str, int]:
        return {"item": id}

    @app.get("/user")
    @limits.limit("10/minute", key=lambda: Subject.user("42"), cost=lambda: 4, name="user")
    def user() -> flask.Response:
        return flask.Response("mine", headers={"RateLimit": '"gateway";r=1;t=1'})

    @app.get("/stream")
    @limits.limit("5/minute")
    def stream() -> flask.Response:
        return flask.Response(iter(["a", "b"]))

    @app.get("/boom")
    @limits.limit("5/minute")
    def boom() -> str:
        raise RuntimeError

    @app.get("/open")
    @limits.limit("5/minute", on_error="open")
    def opened() -> str:
        return "served"

    client = app.test_client()

    def get(url: str, **headers: str) -> Answer:
        response = client.get(url, headers=headers)
        return response.status_code, dict(response.headers), response.data

    return get


def django_app(limiter: SyncRateLimiter) -> Get:
    limits = DjangoLimits(limiter)

    @limits.limit("2/minute", name="items")
    def items(request: HttpRequest) -> HttpResponse:
        return HttpResponse(json.dumps({"ok": request.rate_limit.allowed}))

    @limits.limit("2/minute")
    def item(request: HttpRequest, id: int) -> HttpResponse:  # noqa: ARG001
        return HttpResponse(str(id))

    @limits.limit("10/minute", key=lambda _: Subject.user("42"), cost=lambda _: 4, name="user")
    def user(_: HttpRequest) -> HttpResponse:
        return HttpResponse("mine", headers={"RateLimit": '"gateway";r=1;t=1'})

    @limits.limit("5/minute")
    def stream(_: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(iter(["a", "b"]))

    @limits.limit("5/minute", on_error="open")
    def opened(_: HttpRequest) -> HttpResponse:
        return HttpResponse("served")

    urls = [
        path("items", items),
        path("items/<int:id>", item),
        path("user", user),
        path("stream", stream),
        path("open", opened),
    ]

    def get(url: str, **headers: str) -> Answer:
        with override_settings(ROOT_URLCONF=tuple(urls)):
            response: Any = Client().get(url, headers=headers)
        body = b"".join(response) if response.streaming else response.content
        return response.status_code, dict(response.headers), body

    return get


@pytest.fixture(params=[flask_app, django_app], ids=["flask", "django"])
def app(request: pytest.FixtureRequest) -> Callable[[SyncRateLimiter], Get]:
    """Make an app of one framework."""
    make: Callable[[SyncRateLimiter], Get] = request.param
    return make


@pytest.fixture
def get(app: Callable[[SyncRateLimiter], Get], url: str) -> Iterator[Get]:
    """Get a page of the app."""
    with SyncRateLimiter(url, **LONG, trusted_proxies=["127.0.0.0/8"]) as limiter:
        yield app(limiter)


def test_requests_pass_until_the_limit_and_are_then_refused(get: Get) -> None:
    for left in (1, 0):
        status, headers, _ = get("/items")
        assert (status, headers["RateLimit"]) == (200, f'"items";r={left};t=60')
        assert headers["RateLimit-Policy"] == '"items";q=2;w=60'
    status, headers, body = get("/items")
    assert (status, headers["Retry-After"]) == (429, "60")
    assert headers["RateLimit"] == '"items";r=0;t=60'
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["violated-policies"] == ["items"]


def test_all_ids_of_a_route_share_its_budget(get: Get) -> None:
    assert [get(f"/items/{id}")[0] for id in (1, 2, 3)] == [200, 200, 429]


def test_key_and_cost_may_be_functions(get: Get) -> None:
    _, headers, _ = get("/user")
    assert headers["RateLimit"] == '"gateway";r=1;t=1, "user";r=6;t=60'
    get("/user")
    assert get("/user")[0] == 429


def test_clients_behind_a_trusted_proxy_are_told_apart(get: Get) -> None:
    def status(client: str) -> int:
        return get("/items", **{"X-Forwarded-For": client})[0]

    assert [status("192.0.2.1") for _ in range(3)] == [200, 200, 429]
    assert status("192.0.2.2") == 200


def test_a_stream_has_the_headers(get: Get) -> None:
    status, headers, body = get("/stream")
    assert (status, body) == (200, b"ab")
    assert headers["RateLimit"].endswith(";r=4;t=60")


def test_an_outage_is_a_503_or_is_served(app: Callable[[SyncRateLimiter], Get]) -> None:
    get = app(SyncRateLimiter(f"redis://127.0.0.1:{free_port()}"))
    status, headers, body = get("/items")
    assert (status, headers["Retry-After"]) == (503, "1")
    assert json.loads(body)["detail"] == "Rate limiter unavailable"
    assert "RateLimit" not in headers
    status, headers, body = get("/open")
    assert (status, body) == (200, b"served")
    assert "RateLimit" not in headers


def test_an_error_of_flask_has_the_headers(url: str) -> None:
    with SyncRateLimiter(url, **LONG) as limiter:
        status, headers, _ = flask_app(limiter)("/boom")
    assert status == 500
    assert headers["RateLimit"].endswith(";r=4;t=60")


def test_a_wrong_limit_is_an_error_when_it_is_made(url: str) -> None:
    with pytest.raises(ConfigurationError, match="'5/minuet'"):
        DjangoLimits(SyncRateLimiter(url)).limit("5/minuet")
    with pytest.raises(ConfigurationError, match="'5/minuet'"):
        FlaskLimits(flask.Flask(__name__), SyncRateLimiter(url)).limit("5/minuet")

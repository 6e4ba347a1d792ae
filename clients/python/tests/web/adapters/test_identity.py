"""Who is asking: text is a user everywhere, and nobody is refused with 400."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from redis_rl import Subject, WholeKey
from redis_rl.asgi import RateLimitMiddleware
from redis_rl.fastapi import RateLimiter
from store.kinds import LONG
from support.ports import free_port
from support.server import Server
from web.apps.adapters import Adapter, Limited, limited
from web.apps.served import served
from web.conftest import Serve

BAD_REQUEST = {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "detail": "The client cannot be identified",
}


def keys(server: Server) -> list[str]:
    with server.client(decode_responses=True) as client:
        return sorted(client.keys("*"))


def by_header(**options: Any) -> Any:
    """A limit by what a header says."""

    def made(site: Adapter) -> Limited:
        return limited("5/minute", key=site.function(lambda headers: headers["x-user"]), **options)

    return made


def test_text_is_a_user(make: Serve, server: Server) -> None:
    site = make(by_header(name="login"))
    victim = "rl:login:ip:192.0.2.9"
    for _ in range(5):
        site.ask(x_user=victim)
    assert keys(server) == ["rl:login:user:rl%3Alogin%3Aip%3A192.0.2.9"]
    assert site.ask(x_user=victim).status == 429
    assert site.ask(x_user="ann").status == 200


def test_a_whole_key_is_given_by_its_own_type(make: Serve, server: Server) -> None:
    site = make(lambda site: limited("5/minute", key=site.function(lambda _: WholeKey("mail:ann"))))
    assert site.ask().left == [4]
    assert keys(server) == ["mail:ann"]


def refused(answer: Any) -> bool:
    return (
        answer.status == 400
        and json.loads(answer.body) == BAD_REQUEST
        and answer.headers["content-type"] == "application/problem+json"
        and "no-store" in answer.headers["cache-control"]
        and "ratelimit" not in answer.headers
        and "retry-after" not in answer.headers
    )


@pytest.mark.parametrize("mode", ["closed", "open"])
@pytest.mark.parametrize("running", [True, False], ids=["redis runs", "redis is gone"])
def test_a_client_without_an_address_is_refused_in_every_mode(
    make: Serve, server: Server, mode: str, running: bool, caplog: pytest.LogCaptureFixture
) -> None:
    where = {} if running else {"url": f"redis://127.0.0.1:{free_port()}"}
    site = make(limited("5/minute"), on_error=mode, **where)
    for _ in range(7):  # more than open the breaker
        assert refused(site.ask(address=None))
    assert site.served == 0
    assert keys(server) == []
    assert len([one for one in caplog.records if one.name == "redis_rl"]) <= 1
    assert site.limiter.failed_open == 0
    if running:
        assert site.ask().status == 200


@pytest.mark.parametrize("mode", ["closed", "open"])
def test_an_empty_user_is_nobody(make: Serve, server: Server, mode: str) -> None:
    site = make(by_header(on_error=mode))
    assert refused(site.ask(x_user=""))
    assert site.ask(x_user="ann").status == 200
    assert len(keys(server)) == 1


def test_an_empty_api_key_is_nobody(make: Serve) -> None:
    def by_api_key(site: Adapter) -> Limited:
        key = site.function(lambda headers: Subject.api_key(headers.get("x-api-key", "")))
        return limited("5/minute", key=key, on_error="open")

    site = make(by_api_key)
    assert refused(site.ask())
    assert site.ask(x_api_key="k").status == 200


def test_a_key_function_that_answers_something_else_is_told_what_it_may(
    make: Serve, server: Server
) -> None:
    answers: list[Any] = [None, 5, 1.5, True, b"ann", ["ann"]]
    site = make(lambda site: limited("5/minute", key=site.function(lambda _: answers[0])))
    site.raising = True
    while answers:
        expected = rf"key function must return a Subject, .*not {re.escape(repr(answers[0]))}"
        with pytest.raises(TypeError, match=expected):
            site.ask()
        answers.pop(0)
    assert site.served == 0
    assert keys(server) == []


@pytest.mark.parametrize("mode", ["closed", "open"])
def test_a_proxy_on_a_unix_socket_may_be_trusted(make: Serve, server: Server, mode: str) -> None:
    site = make(limited("5/minute", name="n"), trusted_proxies=["unix"], on_error=mode)
    assert site.ask(address=None, x_forwarded_for="192.0.2.7").left == [4]
    assert keys(server) == ["rl:n:ip:192.0.2.7"]
    assert refused(site.ask(address=None))
    assert site.ask(address="192.0.2.8", x_forwarded_for="192.0.2.7").left == [4]


def test_a_unix_socket_is_trusted_only_if_named(make: Serve, server: Server) -> None:
    site = make(limited("5/minute"), trusted_proxies=["127.0.0.0/8"], on_error="open")
    assert refused(site.ask(address=None, x_forwarded_for="192.0.2.7"))
    assert keys(server) == []


def test_uvicorn_on_a_unix_socket(url: str, server: Server, tmp_path: Path) -> None:
    limiter = RateLimiter(url, **LONG, trusted_proxies=["unix"])
    app = FastAPI()
    limiter.install(app)
    app.get("/", dependencies=[Depends(limiter.limit("5/minute", name="n"))])(lambda: "ok")
    path = str(tmp_path / "app.sock")
    with served(app, uds=path):
        transport = httpx.HTTPTransport(uds=path)
        with httpx.Client(transport=transport, base_url="http://app.example") as client:
            known = client.get("/", headers={"X-Forwarded-For": "192.0.2.7"})
            unknown = client.get("/")
    assert (known.status_code, unknown.status_code) == (200, 400)
    assert keys(server) == ["rl:n:ip:192.0.2.7"]


async def test_a_connection_that_has_gone_is_no_unix_socket(url: str, server: Server) -> None:
    limiter = RateLimiter(url, **LONG, trusted_proxies=["unix"], on_error="open")
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"x-forwarded-for", b"192.0.2.7")],
        "client": None,
        "server": ("app.example", 80),
    }
    nothing: Any = None
    await RateLimitMiddleware(nothing, limiter, "5/minute")(scope, nothing, send)
    assert sent[0]["status"] == 400
    assert keys(server) == []

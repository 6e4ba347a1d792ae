"""What would leave a route without its limit is an error, where it is written if it can be."""

import functools
from typing import Any

import flask
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.routing import Mount, Route

from redis_rl import ConfigurationError, SyncRateLimiter
from redis_rl.asgi import RateLimitMiddleware
from redis_rl.fastapi import RateLimiter
from redis_rl.flask import RateLimits
from store.kinds import LONG
from web.apps.adapters import limited
from web.apps.asking import asking
from web.conftest import Serve

BELOW = r"@limiter\.limited\(.*below @app\.get"


async def test_a_dependency_is_no_decorator(limiter: RateLimiter) -> None:
    app = FastAPI()
    slowapis: Any = limiter
    with pytest.raises(ConfigurationError, match=r"@limiter\.limited\("):

        @slowapis.limit("5/minute")
        @app.get("/above")
        async def above() -> None: ...

    with pytest.raises(ConfigurationError, match=r"@limiter\.limited\("):

        @app.get("/below")
        @slowapis.limit("5/minute")
        def below() -> None: ...


async def test_a_dependency_needs_depends(limiter: RateLimiter) -> None:
    listed: Any = [limiter.limit("5/minute")]
    with pytest.raises(ConfigurationError, match=r"Depends\(limiter\.limit\("):
        FastAPI().get("/", dependencies=listed)(lambda: None)
    with pytest.raises(ConfigurationError, match=r"Depends\(limiter\.limit\("):
        FastAPI(dependencies=listed).get("/")(lambda: None)


async def test_a_decorator_is_no_dependency(limiter: RateLimiter) -> None:
    app = FastAPI()
    with pytest.raises(ConfigurationError, match=r"Depends\(limiter\.limit\("):
        app.get("/", dependencies=[Depends(limiter.limited("5/minute"))])(lambda: None)
    with pytest.raises(ConfigurationError, match=r"@limiter\.limited\("):

        @app.get("/")
        @limiter.limited
        async def bare() -> None: ...


def timed(function: Any) -> Any:
    """Another decorator, as apps have them."""

    @functools.wraps(function)
    def around(*arguments: Any, **named: Any) -> Any:
        return function(*arguments, **named)

    return around


def app_itself() -> tuple[FastAPI, Any]:
    app = FastAPI()
    return app, app


def a_router() -> tuple[FastAPI, Any]:
    router = APIRouter(prefix="/v1")
    return FastAPI(), router


def a_mounted_app() -> tuple[FastAPI, Any]:
    app, below = FastAPI(), FastAPI()
    app.mount("/below", below)
    return app, below


@pytest.mark.parametrize("place", [app_itself, a_router, a_mounted_app])
@pytest.mark.parametrize("installed", [True, False])
async def test_a_decorator_above_the_route(
    limiter: RateLimiter, place: Any, installed: bool
) -> None:
    app, there = place()
    if installed:
        limiter.install(app)
    with pytest.raises(ConfigurationError, match=BELOW + ".*wrong"):

        @limiter.limited("5/minute")
        @there.get("/")
        async def wrong() -> None: ...

    with pytest.raises(ConfigurationError, match=BELOW + ".*between"):

        @there.get("/a")
        @limiter.limited("5/minute")
        @there.get("/b")
        def between() -> None: ...

    for register in (there.get("/c"), there.post("/c"), there.websocket("/ws")):
        with pytest.raises(ConfigurationError, match=BELOW + r".*any"):

            @limiter.limited("5/minute")
            @register
            async def any_kind() -> None: ...

        with pytest.raises(ConfigurationError, match=BELOW + r".*wrapped"):

            @limiter.limited("5/minute")
            @timed
            @register
            async def wrapped() -> None: ...


async def test_a_right_order_is_left_alone(limiter: RateLimiter) -> None:
    app, below = FastAPI(), FastAPI()
    app.mount("/below", below)
    limiter.install(app)

    @app.get("/a")
    @app.get("/b")
    @limiter.limited("1/minute")
    @timed
    def right() -> None: ...

    @app.get("/free")
    async def free() -> None: ...

    below.get("/limited")(limiter.limited("1/minute")(free))
    async with asking(app) as client:
        for path, expected in {
            "/a": [200, 429],
            "/b": [200, 429],
            "/free": [200, 200],
            "/below/limited": [200, 429],
        }.items():
            assert [(await client.get(path)).status_code for _ in "12"] == expected, path


async def test_an_endpoint_that_only_a_route_of_starlette_has(limiter: RateLimiter) -> None:
    def taken() -> Mount:
        async def endpoint(_: Any) -> None: ...

        return Mount("/a", routes=[Route("/b", endpoint)])

    [route] = Starlette(routes=[taken()]).routes[0].routes  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match=BELOW):
        limiter.limited("5/minute")(route.endpoint)


async def test_a_class_is_limited_handler_by_handler(limiter: RateLimiter) -> None:
    with pytest.raises(ConfigurationError, match=r"Page.*its handlers"):

        @limiter.limited("5/minute")
        class Page(HTTPEndpoint):
            async def get(self, _: Any) -> None: ...


# Flask


def flask_limits(url: str, **options: Any) -> tuple[flask.Flask, RateLimits]:
    app = flask.Flask(__name__)
    return app, RateLimits(app, SyncRateLimiter(url, **LONG), **options)


def test_flask_s_decorator_above_the_route(url: str) -> None:
    app, limits = flask_limits(url)
    with pytest.raises(ConfigurationError, match=r"@limits\.limit\(.*below @app\.get.*wrong"):

        @limits.limit("5/minute")
        @app.get("/")
        def wrong() -> str:
            return "served without its limit"

    with pytest.raises(ConfigurationError, match=r"@limits\.limit\(.*below @app\.get.*wrapped"):

        @limits.limit("5/minute")
        @timed
        @app.get("/wrapped")
        def wrapped() -> str:
            return "served without its limit"


def test_flask_s_views_may_be_served_both_ways(url: str) -> None:
    app, limits = flask_limits(url)

    def view() -> str:
        return "ok"

    app.add_url_rule("/free", "free", view)
    app.add_url_rule("/limited", "limited", timed(limits.limit("1/minute")(timed(view))))
    client = app.test_client()
    assert [client.get(path).status_code for path in ("/free", "/limited") * 2] == [
        200,
        200,
        200,
        429,
    ]


def test_flask_s_decorator_above_a_blueprint_s_route(url: str) -> None:
    app, limits = flask_limits(url)
    blueprint = flask.Blueprint("b", __name__)

    @limits.limit("5/minute")
    @blueprint.get("/")
    def wrong() -> str:
        return "served without its limit"

    app.register_blueprint(blueprint)
    app.testing = True
    with pytest.raises(ConfigurationError, match=r"@limits\.limit\(.*below @app\.get.*wrong"):
        app.test_client().get("/")
    app.testing = False
    assert [app.test_client().get("/").status_code for _ in "12"] == [500, 500]


def test_flask_s_decorator_above_the_route_before_init_app(url: str) -> None:
    app, limits = flask.Flask(__name__), RateLimits(limiter=SyncRateLimiter(url, **LONG))

    @limits.limit("5/minute")
    @app.get("/")
    def wrong() -> str:
        return "served without its limit"

    with pytest.raises(ConfigurationError, match=r"@limits\.limit\(.*below @app\.get.*wrong"):
        limits.init_app(app)


def test_flask_s_views_of_an_app_without_the_limits(url: str) -> None:
    app, limits = flask.Flask(__name__), RateLimits(limiter=SyncRateLimiter(url, **LONG))

    @app.get("/")
    @limits.limit("5/minute")
    def view() -> str:
        return "ok"

    app.testing = True
    with pytest.raises(ConfigurationError, match=r"limits\.init_app\(app\)"):
        app.test_client().get("/")


def test_flask_s_decorator_without_its_brackets(url: str) -> None:
    app, limits = flask_limits(url)
    with pytest.raises(ConfigurationError, match=r"@limits\.limit\("):

        @app.get("/")
        @limits.limit
        def view() -> str:
            return "served without its limit"


# Every adapter


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"exempt": True}, "exempt must be a function"),
    ({"exempt": "/health"}, "exempt must be a function"),
    ({"key": "user"}, "key must be a function"),
    ({"cost": "5"}, "cost must be an integer"),
    ({"cost": None}, "cost must be an integer"),
    ({"wait": "no"}, "wait must be True or False"),
    ({"on_error": "local"}, "on_error must be"),
    ({"scope": 5}, "scope must be"),
    ({"scope": ""}, "scope must be"),
    ({"name": ""}, "name must be"),
]


def test_an_option_of_another_kind(make: Serve) -> None:
    for options, shown in WRONG:
        with pytest.raises(ConfigurationError, match=shown):
            make(limited("5/minute", **options))


def test_an_option_that_there_is_not(make: Serve) -> None:
    for options in ({"max": 5}, {"key_func": print}, {"exempt_when": print}, {"method": "POST"}):
        with pytest.raises(TypeError, match=next(iter(options))):
            make(limited("5/minute", **options))


def test_no_limit_at_all(make: Serve) -> None:
    for limits in ((), ("",), (None,), ({},), ({"free": "1/minuet"},), ("1/minuet",), (5,)):
        with pytest.raises((ConfigurationError, TypeError)):
            make(limited(*limits))


@pytest.mark.parametrize("paths", ["/health", b"/health", ["health"], [""], [5], 5], ids=repr)
async def test_paths_that_are_no_list_of_paths(limiter: RateLimiter, paths: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"exempt_paths=\[.?\"/health\""):
        RateLimitMiddleware(Starlette(), limiter, "5/minute", exempt_paths=paths)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("block_duration", "ban 15m after 20/minute"),
        ("dry_run", "shadow 100/minute"),
    ],
)
def test_what_other_limiters_call_it(make: Serve, option: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        make(limited("5/minute", **{option: 1}))

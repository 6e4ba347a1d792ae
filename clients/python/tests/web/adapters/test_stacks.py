"""Several limits that one request meets: none is charged twice, and none is lost."""

from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI

from redis_rl import LimitSet
from redis_rl.asgi import RateLimitMiddleware
from redis_rl.fastapi import RateLimiter
from support.server import Server
from web.apps.adapters import Adapter, Limited, limited
from web.apps.asking import asking
from web.conftest import Serve


def scopes(server: Server) -> list[str]:
    """What the keys are called, encoded as they are."""
    with server.client(decode_responses=True) as client:
        return sorted(key.split(":")[1] for key in client.keys("*"))


def test_unnamed_limits_of_one_period_each_count_for_themselves(
    make: Serve, server: Server
) -> None:
    site = make(limited("100/minute"), limited("5/minute"), limited("50/minute"))
    assert site.statuses(7) == [200] * 5 + [429] * 2
    first, second, third = scopes(server)
    assert (second, third) == (f"{first}%232", f"{first}%233")


def test_other_algorithms_and_periods_keep_the_scope(make: Serve, server: Server) -> None:
    site = make(limited("9/minute"), limited("sliding 8/minute"), limited("7/hour"))
    assert site.ask().left == [8, 7, 6]
    assert len(scopes(server)) == 1


def test_a_set_moves_whole(make: Serve, server: Server) -> None:
    site = make(limited("9/minute; 90/hour"), limited("80/hour; 700/day"))
    assert site.ask().left == [8, 89, 79, 699]
    first, second = scopes(server)
    assert second == f"{first}%232"


def test_each_is_told_once_beside_what_the_app_says(make: Serve) -> None:
    site = make(
        limited("9/minute", name="a"),
        limited("8/hour", name="b"),
        sends={"RateLimit": '"gateway";r=1;t=1'},
    )
    assert site.ask().headers["ratelimit"] == '"gateway";r=1;t=1, "a";r=8;t=60, "b";r=7;t=3600'


def test_who_is_exempt_from_one_keeps_the_budget_of_the_other(make: Serve, server: Server) -> None:
    def exempting(site: Adapter) -> Limited:
        return limited("100/minute", exempt=site.function(lambda headers: "x-staff" in headers))

    site = make(exempting, limited("5/minute"))
    assert [site.ask().left, site.ask(x_staff="1").left, site.ask().left] == [
        [99, 4],
        [3],
        [98, 2],
    ]
    assert len(scopes(server)) == 2


def test_a_limit_for_other_methods_keeps_its_place(make: Serve, server: Server) -> None:
    site = make(limited("100/minute", methods=["POST"]), limited("5/minute"))
    assert site.ask("GET").left == [4]
    assert scopes(server)[0].endswith("%232")
    assert site.ask("POST").status == 200


def test_other_subjects_do_not_meet(make: Serve, server: Server) -> None:
    site = make(
        lambda site: limited("5/minute", key=site.function(lambda headers: headers["x-user"])),
        limited("9/minute"),
    )
    assert site.ask(x_user="ann").left == [4, 8]
    assert len(set(scopes(server))) == 1


def test_one_name_twice_is_an_error_that_names_it(
    make: Serve, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    site = make(
        limited("5/minute", name="login"), limited("9/minute", name="login"), on_error="open"
    )
    answer = site.ask()
    assert (answer.status, site.served) == (503, 0)
    assert "login" in caplog.text
    site.ask()
    assert len([one for one in caplog.records if one.name == "redis_rl"]) == 1
    with server.client(decode_responses=True) as client:
        [key] = client.keys("*")
        [*_, row] = client.execute_command("RL.PEEK", key)
    assert row[4] == 3, "each of the two requests charged it once"


def test_one_name_with_other_periods_is_fine(make: Serve, server: Server) -> None:
    site = make(limited("5/minute", name="login"), limited("9/hour", name="login"))
    assert site.ask().left == [4, 8]
    assert scopes(server) == ["login"]


def test_an_unnamed_limit_makes_way_for_a_name(make: Serve, server: Server) -> None:
    site = make(limited("5/minute"), limited("9/minute", scope="other"))
    assert site.ask().left == [4, 8]
    assert "other" in scopes(server)


def test_limits_made_of_one_set_are_two(make: Serve, server: Server) -> None:
    both = LimitSet("5/minute")
    make(limited(both), limited(both)).ask()
    first, second = scopes(server)
    assert second == f"{first}%232"


# FastAPI has more places than one.


async def lefts(app: Any, path: str, count: int) -> list[int]:
    async with asking(app) as client:
        return [(await client.get(path)).status_code for _ in range(count)]


async def test_app_router_route_and_decorator(limiter: RateLimiter, server: Server) -> None:
    app = FastAPI(dependencies=[Depends(limiter.limit("100/minute"))])
    limiter.install(app)
    router = APIRouter(dependencies=[Depends(limiter.limit("50/minute"))])

    @router.get("/login", dependencies=[Depends(limiter.limit("5/minute"))])
    @limiter.limited("20/minute")
    async def login() -> None: ...

    app.include_router(router)
    assert await lefts(app, "/login", 7) == [200] * 5 + [429] * 2
    names = scopes(server)
    assert names == ["GET%20%2Flogin", *(f"GET%20%2Flogin%23{n}" for n in (2, 3, 4))]


async def test_middlewares_and_routes(limiter: RateLimiter, server: Server) -> None:
    app = FastAPI()
    limiter.install(app)
    app.get("/", dependencies=[Depends(limiter.limit("5/minute", scope="app"))])(lambda: None)
    app.add_middleware(RateLimitMiddleware, limiter=limiter, limits="9/minute")
    assert await lefts(app, "/", 1) == [503]
    other = FastAPI()
    limiter.install(other)
    other.get("/", dependencies=[Depends(limiter.limit("5/minute"))])(lambda: None)
    other.add_middleware(RateLimitMiddleware, limiter=limiter, limits="9/hour")
    other.add_middleware(RateLimitMiddleware, limiter=limiter, limits="100/hour")
    assert await lefts(other, "/", 7) == [200] * 5 + [429] * 2
    assert scopes(server) == ["GET%20%2F", "app", "app%232"]

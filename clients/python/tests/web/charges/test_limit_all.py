"""Several subjects of a request charged together, in every adapter."""

from typing import Annotated, Any

import pytest
import redis
import redis.asyncio
from asgiref.sync import sync_to_async
from fastapi import Depends, FastAPI, Header

from redis_rl import ConfigurationError, Subject, SyncRateLimiter
from redis_rl.asgi import RateLimitAllMiddleware
from redis_rl.django import RateLimits as DjangoLimits
from redis_rl.fastapi import Outcome
from redis_rl.fastapi import RateLimiter as FastAPILimiter
from redis_rl.flask import RateLimits as FlaskLimits
from support.eventually import eventually
from support.server import Server
from web.apps.adapters import Adapter, Limited, limited, limited_all
from web.apps.asking import asking
from web.conftest import Serve


def both(site: Adapter, **options: Any) -> Limited:
    user = site.function(lambda headers: headers.get("x-user", "ann"))
    team = site.function(lambda headers: Subject("team", headers.get("x-team", "red")))
    return limited_all({"user": ("2/minute", user), "team": ("3/minute", team)}, **options)


def keys(server: Server) -> list[str]:
    with server.client(decode_responses=True) as client:
        return sorted(client.keys("*"))


def test_all_or_nothing(make: Serve, server: Server) -> None:
    site = make(both)
    assert [site.ask().left for _ in "12"] == [[1, 2], [0, 1]]
    denied = site.ask()
    assert denied.status == 429
    assert denied.headers["ratelimit-policy"] == '"user";q=2;w=60, "team";q=3;w=60'
    assert denied.headers["ratelimit"] == '"user";r=0;t=60'
    assert site.ask(x_user="bob").left == [1, 0]
    refused = site.ask(x_user="eve")
    assert (refused.status, refused.headers["ratelimit"]) == (429, '"team";r=0;t=60')
    # What the team has refused, was not charged to the user either.
    assert site.ask(x_user="eve", x_team="blue").left == [1, 2]
    assert keys(server) == [
        "rl:team:team:blue",
        "rl:team:team:red",
        "rl:user:user:ann",
        "rl:user:user:bob",
        "rl:user:user:eve",
    ]


def test_a_slot_and_costs(make: Serve, server: Server) -> None:
    def made(site: Adapter) -> Limited:
        user = site.function(lambda _: "ann")
        cost = site.function(lambda headers: int(headers["x-cost"]))
        slot = site.function(lambda headers: headers["x-tenant"])
        return limited_all({"a": ("9/minute", user, 2), "b": ("9/minute", user, cost)}, slot=slot)

    site = make(made)
    assert site.ask(x_cost="5", x_tenant="acme").left == [7, 4]
    assert keys(server) == ["rl{acme}:a:user:ann", "rl{acme}:b:user:ann"]


def test_tiers_and_subjects_without_a_limit(make: Serve, server: Server) -> None:
    def made(site: Adapter) -> Limited:
        user = site.function(lambda _: Subject.user("ann", tier="paid"))
        nothing = site.function(lambda _: None)
        tiers = {"free": "1/minute", "paid": "20/second; 1000/hour"}
        return limited_all({"user": (tiers, user), "nobody": (nothing, user)})

    assert make(made).ask().left == [19, 999]
    assert keys(server) == ["rl:user:user:ann"]


def test_exempt_and_other_methods(make: Serve, server: Server) -> None:
    def made(site: Adapter) -> Limited:
        return both(
            site,
            methods=["GET"],
            exempt=site.function(lambda headers: "x-staff" in headers),
        )

    site = make(made)
    assert site.ask("POST").left == site.ask(x_staff="1").left == []
    assert keys(server) == []
    assert site.ask().left == [1, 2]


def test_count_if(make: Serve, server: Server) -> None:
    site = make(lambda site: both(site, count_if=lambda answer: answer.status_code >= 400))
    assert site.ask().left == [2, 3]

    def given_back() -> bool:
        with server.client() as client:
            return all(client.execute_command("RL.PEEK", key) == [] for key in keys(server))

    assert eventually(given_back)
    site.status = 500
    assert site.ask().left == [1, 2]


def test_a_name_that_another_limit_has_charged_is_an_error(make: Serve) -> None:
    def other(site: Adapter) -> Limited:
        return limited("9/minute", name="user", key=site.function(lambda _: "ann"))

    assert make(other, both).ask().status == 503


async def test_dependencies_of_fastapi(limiter: FastAPILimiter, server: Server) -> None:
    app = FastAPI()
    limiter.install(app)

    async def user(x_user: Annotated[str, Header()]) -> str:
        return x_user

    async def cost(pages: int = 1) -> int:
        return pages

    limit = limiter.limit_all(
        {"user": ("9/minute", user, cost), "path": ("9/minute", lambda r: r.url.path)},
        slot=user,
        reserve=True,
    )

    @app.get("/")
    async def items(outcome: Annotated[Outcome, Depends(limit)]) -> list[int | None]:
        await outcome.each["user"].settle(2)
        return [one.remaining for one in outcome.each.values()]

    async with asking(app) as client:
        answer = await client.get("/?pages=5", headers={"X-User": "ann"})
        assert (await client.get("/")).status_code == 422
    assert answer.json() == [7, 8]
    assert answer.headers["ratelimit"] == '"user";r=7;t=60, "path";r=8;t=60'
    assert keys(server) == ["rl{ann}:path:user:%2F", "rl{ann}:user:user:ann"]


def unmade(kind: type) -> Any:
    """A cluster client that connects nowhere."""
    return object.__new__(kind)


SUBJECTS: Any = {"user": ("5/minute", lambda: "ann"), "team": ("5/minute", lambda: "red")}


def test_a_cluster_without_a_slot_is_an_error_where_it_is_written() -> None:
    blocking: Any = SyncRateLimiter("redis://localhost")
    blocking.redis = unmade(redis.RedisCluster)
    awaited: Any = FastAPILimiter("redis://localhost")
    awaited.redis = unmade(redis.asyncio.RedisCluster)
    made: list[Any] = [
        lambda **slot: FlaskLimits(limiter=blocking).limit_all(SUBJECTS, **slot),
        lambda **slot: DjangoLimits(blocking).limit_all(SUBJECTS, **slot),
        lambda **slot: DjangoLimits(blocking).throttle_all(SUBJECTS, **slot),
        lambda **slot: awaited.limit_all(SUBJECTS, **slot),
        lambda **slot: awaited.limited_all(SUBJECTS, **slot),
        lambda **slot: RateLimitAllMiddleware(sync_to_async(print), awaited, SUBJECTS, **slot),
    ]
    for make in made:
        with pytest.raises(ConfigurationError, match='slot="acme"'):
            make()
        assert make(slot="acme")


@pytest.mark.parametrize(
    ("subjects", "options", "says"),
    [
        ("5/minute", {}, "limit_all must be given"),
        ({}, {}, "1 to 8 subjects, not 0"),
        ({"user": "5/minute"}, {}, "limits and a key function for 'user'"),
        ({"user": ("5/minute",)}, {}, "limits and a key function"),
        ({"user": ("5/minute", "ann")}, {}, "limits and a key function"),
        ({"us er": ("5/minute", str)}, {}, "name must be 1 to 64"),
        ({"user": ("5/minuet", str)}, {}, "5/minuet"),
        ({str(at): ("5/minute", str) for at in range(9)}, {}, "not 9"),
        ({"user": ("5/minute", str)}, {"slot": ""}, "slot must be"),
        ({"user": ("5/minute", str)}, {"name": "x"}, "no option name"),
        ({"user": ("5/minute", str)}, {"cost": 5}, "no option cost"),
        ({"user": ("5/minute", str, -1)}, {}, "cost must be"),
    ],
)
def test_what_is_wrong_is_an_error_where_it_is_written(
    make: Serve, subjects: Any, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        make(limited_all(subjects, **options))


async def test_peek_and_reset_are_of_one_subject(url: str) -> None:
    async with FastAPILimiter(url) as limiter:
        request: Any = type("Request", (), {"scope": {"type": "http"}})()
        for look in (limiter.limit_all(SUBJECTS).peek, limiter.limit_all(SUBJECTS).reset):
            with pytest.raises(ConfigurationError, match="of one subject"):
                await look(request)

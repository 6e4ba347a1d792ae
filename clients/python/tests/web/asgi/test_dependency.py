"""`Depends(limiter.limit(...))` on routes, routers and apps."""

import asyncio
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from redis_rl.fastapi import ConfigurationError, Limit, Outcome, RateLimiter, Subject
from support.server import Server
from web.apps.asking import asking


def app_of(limiter: RateLimiter, *limits: Any, **options: Any) -> FastAPI:
    """An app with one limited route that tells what is left."""
    app = FastAPI()
    limiter.install(app)
    limit = limiter.limit(*limits, **options)

    @app.api_route("/", methods=["GET", "HEAD", "POST", "OPTIONS"])
    async def root(outcome: Annotated[Outcome, Depends(limit)]) -> dict[str, Any]:
        return {"left": outcome.requests_left, "source": outcome.source}

    return app


def keys(server: Server) -> list[str]:
    with server.client(decode_responses=True) as client:
        return sorted(client.keys("*"))


async def statuses(app: FastAPI, count: int, path: str = "/", **options: Any) -> list[int]:
    async with asking(app) as client:
        return [(await client.get(path, **options)).status_code for _ in range(count)]


async def test_a_route_is_limited(limiter: RateLimiter, server: Server) -> None:
    async with asking(app_of(limiter, "2/minute")) as client:
        assert (await client.get("/")).json()["left"] == 1
        assert (await client.get("/")).json()["left"] == 0
        server.clock.advance(48_001)
        denied = await client.get("/")
        assert denied.status_code == 429
        assert denied.headers["retry-after"] == "12"
        assert denied.headers["cache-control"] == "no-store"
        assert denied.headers["ratelimit-policy"] == '"2-per-60s";q=2;w=60'
        assert denied.headers["ratelimit"] == '"2-per-60s";r=0;t=12'
        assert denied.headers["content-type"] == "application/problem+json"
        assert denied.json() == {
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Quota Exceeded",
            "status": 429,
            "detail": "Rate limit exceeded, retry in 12 s",
            "violated-policies": ["2-per-60s"],
            "retry_after": 12,
        }
        server.clock.advance(12_000)
        assert (await client.get("/")).status_code == 200


async def test_clients_have_their_own_budgets(limiter: RateLimiter) -> None:
    app = app_of(limiter, "1/minute")
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8:1::1", "2001:db8:2::1"):
        async with asking(app, address) as client:
            assert (await client.get("/")).status_code == 200
    async with asking(app, "2001:db8:1::2") as neighbour:
        assert (await neighbour.get("/")).status_code == 429


async def test_several_limits_are_all_or_nothing(limiter: RateLimiter, server: Server) -> None:
    app = app_of(limiter, "2/minute", Limit.per_hour(3), name="api")
    assert await statuses(app, 3) == [200, 200, 429]
    server.clock.advance(60_000)
    async with asking(app) as client:
        allowed = await client.get("/")
        assert allowed.headers["ratelimit"] == '"api-minute";r=1;t=60, "api-hour";r=0;t=3540'
        denied = await client.get("/")
        assert denied.headers["ratelimit"] == '"api-hour";r=0;t=3540'
        assert denied.headers["ratelimit-policy"] == '"api-minute";q=2;w=60, "api-hour";q=3;w=3600'
        assert denied.json()["violated-policies"] == ["api-hour"]
    assert keys(server) == ["rl:api:ip:192.0.2.1"]


async def test_a_limit_is_one_command(limiter: RateLimiter, server: Server) -> None:
    app = app_of(limiter, "5/minute; 50/hour; 500/day")
    await statuses(app, 1)
    with server.client() as client:
        before = client.info("commandstats")
        await statuses(app, 3)
        after = client.info("commandstats")
    calls = {
        name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"]
        for name in after
        if name != "cmdstat_info"
    }
    assert {name: count for name, count in calls.items() if count} == {"cmdstat_rl.limit": 3}


@pytest.mark.parametrize(
    "key",
    [
        lambda request: Subject.user(request.headers["x-user"]),
        lambda request: request.headers["x-user"],
    ],
    ids=["a subject", "an id"],
)
async def test_a_key_of_the_request(limiter: RateLimiter, server: Server, key: Any) -> None:
    app = app_of(limiter, "1/minute", key=key)
    assert await statuses(app, 2, headers={"x-user": "ann"}) == [200, 429]
    assert await statuses(app, 1, headers={"x-user": "bob"}) == [200]
    assert keys(server) == ["rl:GET%20%2F:user:ann", "rl:GET%20%2F:user:bob"]


async def sync_or_async(request: Request) -> Subject:
    await asyncio.sleep(0)
    return Subject.user(request.headers["x-user"])


def resolved(x_user: Annotated[str, Header()]) -> Subject:
    return Subject.user(x_user)


def nested(subject: Annotated[Subject, Depends(resolved)]) -> Subject:
    return subject


async def nested_async(subject: Annotated[Subject, Depends(nested)]) -> Subject:
    return subject


@pytest.mark.parametrize("key", [sync_or_async, resolved, nested, nested_async])
async def test_a_key_may_be_async_or_a_dependency(limiter: RateLimiter, key: Any) -> None:
    app = app_of(limiter, "1/minute", key=key)
    assert await statuses(app, 2, headers={"x-user": "ann"}) == [200, 429]
    assert await statuses(app, 1, headers={"x-user": "bob"}) == [200]


async def test_a_key_that_is_not_valid_charges_nothing(
    limiter: RateLimiter, server: Server
) -> None:
    assert await statuses(app_of(limiter, "1/minute", key=nested), 1) == [422]
    assert keys(server) == []


@pytest.mark.parametrize("answer", [None, 5, b"ann"])
async def test_a_key_that_names_nobody_is_an_error(
    limiter: RateLimiter, server: Server, answer: Any
) -> None:
    app = app_of(limiter, "1/minute", key=lambda _: answer)
    assert await statuses(app, 1) == [500]
    assert keys(server) == []


async def test_errors_of_the_functions_go_through(limiter: RateLimiter) -> None:
    def fails(_: Request) -> Any:
        raise HTTPException(401, "who are you?")

    for options in ({"key": fails}, {"cost": fails}, {"exempt": fails}):
        assert await statuses(app_of(limiter, "1/minute", on_error="open", **options), 1) == [401]

    def breaks(_: Request) -> Any:
        raise ValueError("no")

    assert await statuses(app_of(limiter, "1/minute", on_error="open", key=breaks), 1) == [500]


bearer = HTTPBearer(auto_error=False)


async def customer(
    request: Request, token: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Subject:
    if token is None:
        return Subject.ip(request, tier="anonymous")
    return Subject.user(token.credentials, tier="paid")


async def test_tiers(limiter: RateLimiter, server: Server) -> None:
    app = app_of(
        limiter, {"anonymous": "1/minute", "paid": "3/minute; 2/second"}, key=customer, name="api"
    )
    assert await statuses(app, 2) == [200, 429]
    paid = {"Authorization": "Bearer ann"}
    assert await statuses(app, 3, headers=paid) == [200, 200, 429]
    server.clock.advance(1_000)
    assert await statuses(app, 2, headers=paid) == [200, 429]
    assert keys(server) == ["rl:api:ip:192.0.2.1", "rl:api:user:ann"]


async def test_limits_from_a_dependency(limiter: RateLimiter) -> None:
    async def plan(x_plan: Annotated[str, Header()] = "2/minute") -> str:
        return x_plan

    app = app_of(limiter, plan, name="api")
    assert await statuses(app, 3) == [200, 200, 429]
    assert await statuses(app, 1, headers={"x-plan": "5/minute; 9/hour"}) == [200]


async def test_a_tier_that_is_not_there_is_an_error(limiter: RateLimiter, server: Server) -> None:
    app = app_of(limiter, {"free": "1/minute"}, key=lambda _: Subject.user("ann", tier="gold"))
    assert await statuses(app, 1) == [500]
    assert keys(server) == []


async def test_security_of_the_key_is_in_openapi(limiter: RateLimiter) -> None:
    schema = app_of(limiter, {"anonymous": "1/minute", "paid": "3/minute"}, key=customer).openapi()
    assert schema["components"]["securitySchemes"] == {
        "HTTPBearer": {"type": "http", "scheme": "bearer"}
    }
    assert schema["paths"]["/"]["get"]["security"] == [{"HTTPBearer": []}]
    assert "parameters" not in schema["paths"]["/"]["get"]


async def test_the_same_limit_is_checked_once_in_a_request(limiter: RateLimiter) -> None:
    limit = limiter.limit("10/minute", key=customer, name="api")
    app = FastAPI(dependencies=[Depends(limit)])
    limiter.install(app)
    router = APIRouter(dependencies=[Depends(limit)])

    @router.get("/", dependencies=[Depends(limit, use_cache=False)])
    async def root(
        one: Annotated[Outcome, Depends(limit)], two: Annotated[Outcome, Depends(limit)]
    ) -> Any:
        return [one is two, one.remaining]

    app.include_router(router)
    async with asking(app) as client:
        assert (await client.get("/")).json() == [True, 9]
        assert (await client.get("/")).headers["ratelimit"] == '"api";r=8;t=60'


async def test_an_app_and_a_router_are_limited(limiter: RateLimiter) -> None:
    app = FastAPI(dependencies=[Depends(limiter.limit("4/minute", name="all"))])
    limiter.install(app)
    router = APIRouter(prefix="/in", dependencies=[Depends(limiter.limit("2/minute", name="in"))])

    @router.get("/a")
    @router.get("/b")
    @app.get("/c")
    async def endpoint() -> None: ...

    app.include_router(router)
    async with asking(app) as client:
        first = await client.get("/in/a")
        assert first.headers["ratelimit-policy"] == '"all";q=4;w=60, "in";q=2;w=60'
        assert first.headers["ratelimit"] == '"all";r=3;t=60, "in";r=1;t=60'
        assert (await client.get("/in/b")).status_code == 200
        denied = await client.get("/in/a")
        assert denied.status_code == 429
        assert denied.headers["ratelimit-policy"] == '"all";q=4;w=60, "in";q=2;w=60'
        assert denied.headers["ratelimit"] == '"in";r=0;t=60'
        assert (await client.get("/c")).status_code == 200
        assert (await client.get("/c")).headers["ratelimit"] == '"all";r=0;t=60'


async def test_preflights_that_the_app_answers_ask_nothing(
    limiter: RateLimiter, server: Server
) -> None:
    app = app_of(limiter, "1/minute")
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    async with asking(app) as client:
        wants = {"Origin": "https://ui.example", "Access-Control-Request-Method": "GET"}
        assert [(await client.options("/", headers=wants)).status_code for _ in "12"] == [200, 200]
        assert keys(server) == []
        assert (await client.options("/")).json() == {"left": 0, "source": "server"}
        assert (await client.get("/")).status_code == 200


async def test_methods_picks(limiter: RateLimiter) -> None:
    app = app_of(limiter, "1/minute", methods=["post"])
    async with asking(app) as client:
        assert "ratelimit" not in (await client.get("/")).headers
        assert (await client.post("/")).status_code == 200
        assert (await client.post("/")).status_code == 429
        assert (await client.get("/")).status_code == 200


async def exempt_staff(x_staff: Annotated[bool, Header()] = False) -> bool:
    return x_staff


@pytest.mark.parametrize(
    "exempt", [exempt_staff, lambda request: request.headers.get("x-staff") == "true"]
)
async def test_who_is_exempt_is_not_asked_about(limiter: RateLimiter, exempt: Any) -> None:
    app = app_of(limiter, "1/minute", exempt=exempt)
    async with asking(app) as client:
        for _ in range(2):
            free = await client.get("/", headers={"x-staff": "true"})
            assert free.json()["source"] == "exempt"
            assert "ratelimit" not in free.headers
    assert await statuses(app, 2) == [200, 429]


async def page_count(pages: Annotated[int, Query(ge=1)] = 1) -> int:
    return pages


@pytest.mark.parametrize("cost", [page_count, lambda request: int(request.query_params["pages"])])
async def test_a_cost(limiter: RateLimiter, cost: Any) -> None:
    async with asking(app_of(limiter, "10/minute", cost=cost)) as client:
        assert (await client.get("/?pages=4")).json()["left"] == 6
        denied = await client.get("/?pages=7")
        assert denied.status_code == 429
        assert "retry-after" in denied.headers
        never = await client.get("/?pages=11")
        assert never.status_code == 429
        assert "retry-after" not in never.headers
        assert never.headers["ratelimit"] == '"10-per-60s";r=6'
        assert "cost" in never.json()["detail"]
        assert (await client.get("/?pages=6")).json()["left"] == 0


@pytest.mark.parametrize("pages", [11, 10**12, 10**12 + 1, 10**40])
async def test_a_cost_above_the_limit_is_denied_for_good(limiter: RateLimiter, pages: int) -> None:
    async with asking(app_of(limiter, "10/minute", cost=page_count)) as client:
        denied = await client.get("/", params={"pages": pages})
    assert denied.status_code == 429
    assert "retry-after" not in denied.headers


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "", "9" * 5000])
async def test_a_cost_that_is_not_valid_charges_nothing(
    limiter: RateLimiter, server: Server, text: str
) -> None:
    app = app_of(limiter, "10/minute", cost=page_count)
    assert await statuses(app, 1, params={"pages": text}) == [422]
    assert keys(server) == []


async def test_a_leaky_limit_holds_requests_when_asked(limiter: RateLimiter) -> None:
    app = app_of(limiter, "leaky 20/second burst 10", wait=True)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await statuses(app, 3) == [200, 200, 200]
    # The server's clock stands still: the holds are 0, 50 and 100 ms.
    assert loop.time() - began >= 0.15


async def test_a_leaky_limit_does_not_hold_unasked(limiter: RateLimiter) -> None:
    outcome = await limiter.check("k", "leaky 1/hour burst 10")
    assert outcome.wait == 0
    began = asyncio.get_running_loop().time()
    assert await statuses(app_of(limiter, "leaky 1/hour burst 10"), 3) == [200] * 3
    assert asyncio.get_running_loop().time() - began < 60


async def test_dependency_overrides_work(limiter: RateLimiter) -> None:
    app = FastAPI()
    limiter.install(app)
    limit = limiter.limit("1/minute")

    @app.get("/", dependencies=[Depends(limit)])
    async def root() -> None: ...

    app.dependency_overrides[limit] = lambda: None
    assert await statuses(app, 3) == [200, 200, 200]


async def test_never_more_than_the_limit_pass(limiter: RateLimiter) -> None:
    app = app_of(limiter, "25/minute")
    async with asking(app) as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(100)))
    assert sorted(answer.status_code for answer in answers) == [200] * 25 + [429] * 75
    left = [answer.json()["left"] for answer in answers if answer.status_code == 200]
    assert sorted(left) == list(range(25))


@pytest.mark.parametrize(
    ("limits", "options"),
    [
        (["1/minuet"], {}),
        (["5/minute", "6/60s"], {}),
        ([{"free": "1/minuet"}], {}),
        ([{}], {}),
        ([{"free": "1/minute"}, "5/minute"], {}),
        ([5], {}),
        (["1/minute"], {"name": "ünicode"}),
        (["1/minute"], {"cost": -1}),
        (["1/minute"], {"cost": 1.5}),
        (["1/minute"], {"on_error": "local"}),
    ],
)
async def test_what_cannot_be_meant_is_an_error_at_once(
    limiter: RateLimiter, limits: Any, options: Any
) -> None:
    with pytest.raises(ConfigurationError):
        limiter.limit(*limits, **options)


async def test_a_typo_names_the_text_and_the_grammar(limiter: RateLimiter) -> None:
    with pytest.raises(ConfigurationError, match=r"'1/minuet'.*\[burst b\].*'5/minute'"):
        limiter.limit("1/minuet")

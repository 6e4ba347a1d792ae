"""The example app: every kind of limit, each on a route of its own.

    python examples/app.py

REDIS_URL        the server with the module (redis://127.0.0.1:6379)
PORT             where to listen, on the loopback interface (8000)
SOCKET           the path of a Unix socket to listen on instead (none)
ON_ERROR         closed: answer 503 while Redis is gone (the default); open: serve unlimited
TRUSTED_PROXIES  comma-separated CIDRs whose X-Forwarded-For is believed, and `unix` for a proxy
                 on a Unix socket (none)
RL_PREFIX        what every key begins with (rl)
RL_TIMEOUT_MS    how long a check may take (100)
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import StringConstraints

from redis_rl.fastapi import (
    ConfigurationError,
    ModuleNotLoaded,
    Outcome,
    RateLimiter,
    StoreUnavailable,
    Subject,
)


def setting(name: str, default: str) -> str:
    """Return an environment variable, or the default if it is unset or empty."""
    return os.environ.get(name) or default


def number(name: str, default: str, highest: int) -> int:
    """Answer one that is a number of at least 1."""
    text = setting(name, default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= highest):
        sys.exit(f"error: {name} must be a number from 1 to {highest}, not {text!r}")
    return int(text)


PORT = number("PORT", "8000", 65_535)

try:
    limiter = RateLimiter(
        setting("REDIS_URL", "redis://127.0.0.1:6379"),
        prefix=setting("RL_PREFIX", "rl"),
        timeout=number("RL_TIMEOUT_MS", "100", 60_000) / 1000,
        on_error=setting("ON_ERROR", "closed"),  # type: ignore[arg-type] # it is checked
        trusted_proxies=[
            cidr.strip() for cidr in setting("TRUSTED_PROXIES", "").split(",") if cidr.strip()
        ],
    )
except ConfigurationError as wrong:
    sys.exit(f"error: {wrong}")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the limiter's connection when the app ends."""
    yield
    await limiter.aclose()


app = FastAPI(title="redis-rl example", lifespan=lifespan)
limiter.install(app)  # 429, 400 and 503 as problem+json, RateLimit headers on limited responses


# One limit on a route. Each route has its own budget, per client IP.


@app.get("/items", dependencies=[Depends(limiter.limit("5/minute"))])
async def read_items() -> list[dict[str, str]]:
    """Answer all items."""
    return [{"item": "Foo"}, {"item": "Bar"}]


@app.get("/items/{id}", dependencies=[Depends(limiter.limit("5/minute"))])
async def read_item(id: str) -> dict[str, str]:
    """Answer one item; all ids share the route's budget."""
    return {"item": id}


@app.post("/create_item", status_code=201, dependencies=[Depends(limiter.limit("1/second"))])
async def create_item() -> dict[str, str]:
    """Pretend to make an item."""
    return {"message": "Item created"}


# Who is asking: an account where there is one, else the client's address.

Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]
ACCOUNTS = {"user123_token": Subject.user("user123")}
CUSTOMERS = {"paid_token": Subject.user("paid", tier="paid")}


async def account(request: Request, credentials: Credentials) -> Subject:
    """Tell who is asking by the bearer token."""
    known = ACCOUNTS.get(credentials.credentials) if credentials else None
    return known or Subject.ip(request)


async def customer(request: Request, credentials: Credentials) -> Subject:
    """Tell who is asking, and what was paid for."""
    known = CUSTOMERS.get(credentials.credentials) if credentials else None
    return known or Subject.ip(request, tier="anonymous")


per_account = limiter.limit("10/minute", key=account)
per_tier = limiter.limit(
    {"anonymous": "100/minute", "paid": "1000/minute; 20/second"}, key=customer
)


@app.get("/user_data")
async def user_data(
    outcome: Annotated[Outcome, Depends(per_account)],
) -> dict[str, Any]:
    """Answer what is left of the budget, too."""
    return {"message": "Here is your data", "requests_left": outcome.requests_left}


@app.get("/quotes/{symbol}")
async def quote(symbol: str, outcome: Annotated[Outcome, Depends(per_tier)]) -> dict[str, Any]:
    """Answer a price; who pays may ask more often."""
    return {"symbol": symbol, "price": 101.25, "requests_left": outcome.requests_left}


# Names, several limits, costs.


@app.post("/login", dependencies=[Depends(limiter.limit("5/minute", name="login"))])
async def login() -> dict[str, bool]:
    """Let in whoever asks."""
    return {"ok": True}


@app.get("/report", dependencies=[Depends(limiter.limit("2/minute; 100/hour", name="report"))])
async def report() -> dict[str, bool]:
    """Answer under two limits, which are one command, all or nothing."""
    return {"ok": True}


# Stricter than int, which also takes "+1", "1_0" and "1.0".
Count = Annotated[str, StringConstraints(pattern="^[1-9][0-9]{0,17}$")]


async def page_count(pages: Annotated[list[Count] | None, Query(max_length=1)] = None) -> int:
    """Cost as much as is asked for, once."""
    return int(pages[0]) if pages else 1


per_page = limiter.limit("10/minute", cost=page_count)


@app.get("/export")
async def export(outcome: Annotated[Outcome, Depends(per_page)]) -> dict[str, int]:
    """Answer how many pages were exported."""
    return {"pages": outcome.cost}


# Limits that the server keeps, limits on trial, and bans.


@app.get("/plan", dependencies=[Depends(limiter.limit("policy plan"))])
async def plan() -> dict[str, bool]:
    """Answer under a policy, which RL.POLICY SET changes while the app runs."""
    return {"ok": True}


on_trial = limiter.limit("100/minute; shadow 2/minute", name="trial")


@app.get("/trial", dependencies=[Depends(on_trial)])
async def trial() -> dict[str, bool]:
    """Answer as if 2 a minute were no limit yet; RL.TOP SHADOW tells whom it would refuse."""
    return {"ok": True}


banned = limiter.limit("3/minute; ban 1m after 2/minute", name="guarded")


@app.get("/guarded", dependencies=[Depends(banned)])
async def guarded() -> dict[str, bool]:
    """Shut out for a minute whoever does not wait."""
    return {"ok": True}


# Costs that are known afterwards.


def failed(response: Any) -> bool:
    """Tell whether a response counts against the limit."""
    return bool(response.status_code >= 400)


sign_ins = limiter.limit("3/15 minutes", name="signin", count_if=failed)


@app.post("/signin", dependencies=[Depends(sign_ins)])
async def sign_in(password: str = "") -> dict[str, bool]:
    """Let in who knows the password; only wrong ones count."""
    if password != "right":
        raise HTTPException(401)
    return {"ok": True}


async def estimated(estimate: Count, actual: Count) -> int:  # noqa: ARG001 - it must be valid, too
    """Reserve as much as a request says that it will take."""
    return int(estimate)


tokens = limiter.limit("fixed 1000/minute", name="tokens", cost=estimated, reserve=True)


@app.post("/generate")
async def generate(actual: Count, outcome: Annotated[Outcome, Depends(tokens)]) -> dict[str, Any]:
    """Charge what it really took."""
    await outcome.settle(int(actual))
    return {"charged": int(actual), "requests_left": outcome.requests_left}


# Several subjects at once: all or nothing.


async def team_of(team: str) -> Subject:
    """Tell which team is asked for; it has no budget with any user's id."""
    return Subject("team", team)


user_and_team = limiter.limit_all({"user": ("10/minute", account), "team": ("15/minute", team_of)})


@app.get("/team/{team}", dependencies=[Depends(user_and_team)])
async def read_team(team: str) -> dict[str, str]:
    """Charge the user and the team, or neither."""
    return {"team": team}


# So many at once, each until its response has been sent.

one_of_two = limiter.concurrency(2, lease="5s", name="busy")


@app.get("/busy", dependencies=[Depends(one_of_two)])
async def busy(ms: int = 0, fail: bool = False) -> dict[str, bool]:
    """Work for a while; a process that dies frees its places within the lease."""
    await asyncio.sleep(max(0, ms) / 1000)
    if fail:
        raise RuntimeError("busy")
    return {"ok": True}


# Waiting a moment instead of being refused.

patience = limiter.limit("token 5/second burst 1", name="patient", max_wait=1.0)


@app.get("/patient", dependencies=[Depends(patience)])
async def patient() -> dict[str, bool]:
    """Answer when it is this request's turn, if that is within a second."""
    return {"ok": True}


# Other algorithms, and responses that are not plain.


@app.get("/stream", dependencies=[Depends(limiter.limit("token 10/second burst 20"))])
async def stream() -> StreamingResponse:
    """Send three chunks, one after the other."""

    async def chunks() -> AsyncIterator[str]:
        for letter in "abc":
            yield f"{letter}\n"
            await asyncio.sleep(0.05)

    return StreamingResponse(chunks(), media_type="text/plain")


steady = limiter.limit("leaky 5/second burst 10", wait=True)


@app.get("/slow")
async def slow(outcome: Annotated[Outcome, Depends(steady)]) -> dict[str, int]:
    """Answer how long the limiter held this request, so that they go out five a second."""
    return {"waited_ms": round(outcome.wait * 1000)}


@app.get("/boom", dependencies=[Depends(limiter.limit("5/minute"))])
async def boom() -> None:
    """Fail; the 500 has its rate headers, too."""
    raise RuntimeError("boom")


@app.get("/health")
async def health() -> dict[str, bool]:
    """Say that the app lives; unlimited."""
    return {"ok": True}


async def look_for_the_module() -> None:
    """Stop where the server lacks the module; a server that cannot be reached may still come."""
    try:
        await limiter.probe()
    except ModuleNotLoaded as error:
        sys.exit(f"error: {error}")
    except StoreUnavailable as error:
        print(f"warning: {error}; starting anyway", file=sys.stderr)
    finally:
        await limiter.aclose()


if __name__ == "__main__":
    asyncio.run(look_for_the_module())
    # uvicorn repeats the signal that it ended by.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    # Only trusted_proxies says whose X-Forwarded-For counts, so uvicorn must not read it.
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=PORT,
        uds=os.environ.get("SOCKET") or None,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )

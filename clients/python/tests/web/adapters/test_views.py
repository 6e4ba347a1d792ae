"""Views of every kind: coroutines, classes, methods; and where a limiter cannot serve one."""

import json
from typing import Any

import flask
import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path as route
from django.utils.decorators import method_decorator
from django.views import View
from flask.views import MethodView
from rest_framework.decorators import api_view
from rest_framework.response import Response
from rest_framework.views import APIView

from redis_rl import ConfigurationError, RateLimiter, SyncRateLimiter
from redis_rl.django import RateLimits as DjangoLimits
from redis_rl.flask import RateLimits as FlaskLimits
from store.kinds import LONG
from web.apps import djangos
from web.apps.adapters import limited
from web.conftest import Serve


def test_every_adapter_limits_and_tells(make: Serve) -> None:
    site = make(limited("2/minute; 9/hour", name="api"))
    assert [site.ask().left for _ in "12"] == [[1, 8], [0, 7]]
    denied = site.ask()
    assert denied.status == 429
    assert denied.headers["ratelimit"] == '"api-minute";r=0;t=60'
    assert denied.headers["ratelimit-policy"] == '"api-minute";q=2;w=60, "api-hour";q=9;w=3600'
    assert denied.headers["retry-after"] == "60"
    assert denied.headers["cache-control"] == "no-store"
    assert denied.headers["content-type"] == "application/problem+json"
    body = json.loads(denied.body)
    assert (body["status"], body["violated-policies"]) == (429, ["api-minute"])
    assert body["retry_after"] == 60
    assert site.served == 2


def test_every_adapter_answers_an_outage(make: Serve) -> None:
    from support.ports import free_port

    gone = f"redis://127.0.0.1:{free_port()}"
    answer = make(limited("2/minute"), url=gone).ask()
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.body)["detail"] == "Rate limiter unavailable"
    served = make(limited("2/minute", on_error="open"), url=gone).ask()
    assert (served.status, served.left) == (200, [])


# Django


def django_statuses(view: Any, count: int = 3) -> list[int]:
    with override_settings(ROOT_URLCONF=(route("v", view),)):
        client = Client(raise_request_exception=True)
        return [client.get("/v").status_code for _ in range(count)]


@pytest.fixture
def sync_limits(url: str) -> Any:
    with SyncRateLimiter(url, **LONG) as limiter:
        yield DjangoLimits(limiter)


@pytest.fixture
def async_limits(url: str) -> Any:
    limiter = RateLimiter(url, **LONG)
    yield DjangoLimits(limiter)
    async_to_sync(limiter.aclose)()


def test_methods_of_django_s_classes(sync_limits: Any) -> None:
    class Direct(View):
        @sync_limits.limit("2/minute")
        def get(self, _: HttpRequest) -> HttpResponse:
            return HttpResponse("ok")

    class Decorated(View):
        @method_decorator(sync_limits.limit("2/hour"))
        def get(self, _: HttpRequest) -> HttpResponse:
            return HttpResponse("ok")

    @sync_limits.limit("2/day")
    class Whole(View):
        def get(self, _: HttpRequest) -> HttpResponse:
            return HttpResponse("ok")

    for kind in (Direct, Decorated, Whole):
        assert django_statuses(kind.as_view()) == [200, 200, 429], kind


def test_methods_of_django_s_classes_that_are_coroutines(async_limits: Any) -> None:
    class Direct(View):
        @async_limits.limit("2/minute")
        async def get(self, _: HttpRequest) -> HttpResponse:
            return HttpResponse("ok")

    class Decorated(View):
        @method_decorator(async_limits.limit("2/hour"))
        async def get(self, _: HttpRequest) -> HttpResponse:
            return HttpResponse("ok")

    @async_limits.limit("2/day")
    class Whole(View):
        async def get(self, _: HttpRequest) -> HttpResponse:
            return HttpResponse("ok")

    for kind in (Direct, Decorated, Whole):
        assert django_statuses(kind.as_view()) == [200, 200, 429], kind

    class Served(View):
        async def get(self, _: HttpRequest) -> HttpResponse:
            return HttpResponse("ok")

    limited_view = async_limits.limit("2/7 days")(Served.as_view())
    assert iscoroutinefunction(limited_view)
    assert django_statuses(limited_view) == [200, 200, 429]


async def test_django_over_asgi(url: str) -> None:
    limiter = RateLimiter(url, **LONG)
    limits = DjangoLimits(limiter)

    @limits.limit("2/minute")
    async def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse("ok")

    with override_settings(ROOT_URLCONF=(route("v", view),)):
        statuses = [(await AsyncClient().get("/v")).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    await limiter.aclose()


def test_rest_views_under_every_decorator(sync_limits: Any) -> None:
    @api_view(["GET"])
    @sync_limits.limit("2/minute")
    def below(_: Any) -> Response:
        return Response("ok")

    @method_decorator(sync_limits.limit("2/hour"), name="dispatch")
    class Dispatched(APIView):
        def get(self, _: Any) -> Response:
            return Response("ok")

    @sync_limits.limit("2/day")
    class Whole(APIView):
        def get(self, _: Any) -> Response:
            return Response("ok")

    class Direct(APIView):
        @sync_limits.limit("2/2 days")
        def get(self, _: Any) -> Response:
            return Response("ok")

    for view in (below, Dispatched.as_view(), Whole.as_view(), Direct.as_view()):
        assert django_statuses(view) == [200, 200, 429], view


def test_a_limiter_that_blocks_is_refused_for_coroutines(sync_limits: Any) -> None:
    limit = sync_limits.limit("5/minute")

    async def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse()

    class Kind(View):
        async def get(self, _: HttpRequest) -> HttpResponse:
            return HttpResponse()

    for given in (view, Kind, Kind.as_view(), Kind.get):
        with pytest.raises(ConfigurationError, match=r"RateLimits\(AsyncRateLimiter\("):
            limit(given)


def test_a_limiter_that_awaits_is_refused_for_views_that_block(async_limits: Any) -> None:
    limit = async_limits.limit("5/minute")

    def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse()

    class Kind(View):
        def get(self, _: HttpRequest) -> HttpResponse:
            return HttpResponse()

    for given in (view, Kind, Kind.as_view(), Kind.get):
        with pytest.raises(ConfigurationError, match=r"RateLimits\(SyncRateLimiter\("):
            limit(given)
    with pytest.raises(ConfigurationError, match=r"RateLimits\(SyncRateLimiter\("):
        async_limits.throttle("5/minute")


def test_a_blocking_dispatch_with_a_limiter_that_awaits(async_limits: Any) -> None:
    @method_decorator(async_limits.limit("5/minute"), name="dispatch")
    class Kind(View):
        def get(self, _: HttpRequest) -> HttpResponse:
            return HttpResponse("served")

    with pytest.raises(ConfigurationError, match=r"RateLimits\(SyncRateLimiter\("):
        django_statuses(Kind.as_view())


def test_functions_of_options_that_are_coroutines(sync_limits: Any, async_limits: Any) -> None:
    async def exempt(_: HttpRequest) -> bool:
        return False

    for option in ("exempt", "key", "cost"):
        with pytest.raises(ConfigurationError, match=f"{option} must be .*not a coroutine"):
            sync_limits.limit("5/minute", **{option: exempt})
    limits = async_limits.limit("2/minute", exempt=exempt)

    @limits
    async def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse("ok")

    assert django_statuses(view) == [200, 200, 429]


def test_a_limiter_that_is_none(url: str) -> None:
    for wrong in (None, url, object()):
        with pytest.raises(ConfigurationError, match=r"RateLimits\(.*RateLimiter\("):
            DjangoLimits(wrong)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match=r"RateLimits\(.*SyncRateLimiter\("):
            FlaskLimits(flask.Flask(__name__), wrong)  # type: ignore[arg-type]


# Flask


def flask_statuses(app: flask.Flask, path: str) -> list[int]:
    app.testing = True
    return [app.test_client().get(path).status_code for _ in range(3)]


def test_views_of_flask(url: str) -> None:
    app = flask.Flask(__name__)
    limits = FlaskLimits(app, SyncRateLimiter(url, **LONG))

    class Page(MethodView):
        decorators = [limits.limit("2/minute")]  # noqa: RUF012 - as Flask has it

        def get(self) -> str:
            return "ok"

    class AsyncPage(MethodView):
        decorators = [limits.limit("2/minute")]  # noqa: RUF012

        async def get(self) -> str:
            return "ok"

    class Method(MethodView):
        @limits.limit("2/minute")
        async def get(self) -> str:
            return "ok"

    blueprint = flask.Blueprint("b", __name__, url_prefix="/b")

    @blueprint.get("/<int:id>")
    @limits.limit("2/minute")
    async def item(id: int) -> str:
        return str(id)

    app.register_blueprint(blueprint)
    kinds = (Page, AsyncPage, Method)
    for kind in kinds:
        app.add_url_rule(f"/{kind.__name__}", view_func=kind.as_view(kind.__name__))
    for kind in kinds:
        assert flask_statuses(app, f"/{kind.__name__}") == [200, 200, 429], kind
    assert flask_statuses(app, "/b/1") == [200, 200, 429]


def test_flask_refuses_a_limiter_that_awaits(url: str) -> None:
    with pytest.raises(ConfigurationError, match="SyncRateLimiter"):
        FlaskLimits(flask.Flask(__name__), RateLimiter(url))  # type: ignore[arg-type]


def test_asyncs_refuse_a_limiter_that_blocks(url: str) -> None:
    from redis_rl.asgi import RateLimitMiddleware

    with pytest.raises(ConfigurationError, match=r"RateLimiter\("):
        RateLimitMiddleware(djangos, SyncRateLimiter(url), "5/minute")  # type: ignore[arg-type]

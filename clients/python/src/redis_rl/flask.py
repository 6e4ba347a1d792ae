"""Limits for Flask's routes.

limits = RateLimits(app, SyncRateLimiter("redis://localhost:6379"))

@app.get("/items")
@limits.limit("5/minute")
def items(): ...
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from weakref import finalize

from flask import Flask, Response, current_app, request
from werkzeug.datastructures import Headers

from redis_rl.errors import CannotDecide, ConfigurationError
from redis_rl.http.answers import headers_of, refusal
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.http.headers import merge, rate_headers
from redis_rl.http.problem import CONTENT_TYPE
from redis_rl.keys.subjects import Subject
from redis_rl.limiters.threaded import SyncRateLimiter
from redis_rl.limits.period import Time
from redis_rl.options import AllOptions, LimitOptions, PlaceOptions
from redis_rl.outcome import Outcome
from redis_rl.rules.all import RuleOfAll, Subjects
from redis_rl.rules.asking import Asking, ask, budget, refuse_coroutines, run
from redis_rl.rules.met import Met
from redis_rl.rules.order import is_unnamed, layers
from redis_rl.rules.places import RuleOfPlaces
from redis_rl.rules.rule import Rule, RuleLimits

if TYPE_CHECKING:
    from typing_extensions import Unpack

View = TypeVar("View", bound=Callable[..., Any])

_MET = "redis_rl.met"
"""The key in a request's environment of the limits it has met: `g` may outlive a request."""


def client_ip() -> Subject:
    """The client of the current request, by its address."""
    return Subject.ip(request.remote_addr, forwarded_for=request.headers.getlist("X-Forwarded-For"))


class RateLimits:
    """Puts rate headers on an app's responses, and answers refusals with 429, 400 and 503.

    Without an app, call `init_app` later. The app's own handlers for RateLimitExceeded,
    CannotIdentify or StoreUnavailable take precedence.
    """

    def __init__(self, app: Flask | None = None, limiter: SyncRateLimiter | None = None) -> None:
        if not isinstance(limiter, SyncRateLimiter):
            raise ConfigurationError(
                "limiter must be a SyncRateLimiter, as in RateLimits(app, SyncRateLimiter(url)) or "
                f"RateLimits(limiter=SyncRateLimiter(url)), not {limiter!r}"
            )
        self._limiter = limiter
        self._limited: list[tuple[Any, Any]] = []
        self._apps: list[Flask] = []
        self._ends = False
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set an app up, once; any number of apps may share these limits."""
        if app in self._apps:
            return
        self._check_order(app)
        self._apps.append(app)
        if self._ends:
            app.teardown_request(_end)
        self._check_before_the_first_request(app)
        if app.extensions.setdefault("redis_rl", self) is not self:
            return
        app.after_request(self._add_headers)
        for error in (RateLimitExceeded, CannotDecide):
            if error not in app.error_handler_spec[None][None]:
                app.register_error_handler(error, _answer)

    def limit(self, *limits: RuleLimits, **options: Unpack[LimitOptions]) -> RouteLimit:
        """Return a decorator, which goes below the route; all limits are one command.

        The options are those of LimitOptions; functions take no arguments. Views may be
        coroutines. Raises ConfigurationError for invalid arguments.
        """
        return self._limit(Rule(limits, options, client_ip))

    def limit_all(self, subjects: Subjects, **options: Unpack[AllOptions]) -> RouteLimit:
        """`limit` for several subjects at once: one command, all or nothing.

        `subjects` is `{"user": ("10/minute", user_key), "team": ("15/minute", team_key)}`, and
        the options are those of AllOptions.
        """
        rule = RuleOfAll(subjects, options, client_ip)
        rule.check_cluster(self._limiter.clustered)
        return self._limit(rule)

    def concurrency(
        self, limit: int, lease: Time | None = None, **options: Unpack[PlaceOptions]
    ) -> RouteLimit:
        """Return a decorator that lets so many requests of a subject be served at once.

        `lease`, such as `"30s"`, is how long a place is kept if the process dies. A place is given
        back when the body has been sent, or on an exception.
        """
        return self._limit(RuleOfPlaces(limit, lease, options, client_ip))

    def _limit(self, rule: Rule) -> RouteLimit:
        refuse_coroutines(rule)
        if rule.ends:
            self._expect_ends()
        return RouteLimit(self, rule)

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes of the current request so far, in order."""
        return list(_met().outcomes.values())

    def _expect_ends(self) -> None:
        """Look at how requests end, even those that raise."""
        if not self._ends:
            self._ends = True
            for app in self._apps:
                app.teardown_request(_end)

    def _note(self, view: Any, limited: Any, frame: FrameType) -> None:
        """Remember a limited view; ConfigurationError if a route has it already."""
        for layer in layers(view):
            if is_unnamed(layer, frame) and any(_serves(app, layer) for app in self._apps):
                raise _unlimited(view)
        self._limited.append((view, limited))

    def _check_before_the_first_request(self, app: Flask) -> None:
        checked = False

        def check() -> None:
            nonlocal checked
            if not checked:
                self._check_order(app)
                checked = True

        app.before_request(check)

    def _check_order(self, app: Flask) -> None:
        """Raise ConfigurationError for a route that got its view before it was limited."""
        for view, limited in self._limited:
            if any(_serves(app, layer) for layer in layers(view)) and not any(
                limited in layers(served) for served in app.view_functions.values()
            ):
                raise _unlimited(view)

    def _add_headers(self, response: Response) -> Response:
        met = _met()
        outcomes = met.outcomes
        if outcomes:
            if met.ending is not None:
                met.ending.responded(response)
                if met.ending.holds:
                    response.call_on_close(met.ending.release)
                    finalize(response, met.ending.release)  # if another takes its place
            ours = headers_of(outcomes.values(), self._limiter.legacy)
            response.headers = Headers(merge(list(response.headers.items()), ours))
        return response


class RouteLimit:
    """A limit of Flask's views: decorates them; `RateLimits.limit` makes it."""

    def __init__(self, limits: RateLimits, rule: Rule) -> None:
        self._limits = limits
        self._limiter = limits._limiter
        self._rule = rule

    def __call__(self, view: View) -> View:
        """Limit a view."""
        if not callable(view) or inspect.isclass(view):
            raise ConfigurationError(
                f"a limited view must be a function, not {view!r}: in a MethodView, write "
                'decorators = [limits.limit("5/minute")]'
            )

        @wraps(view)
        def limited(*arguments: Any, **named: Any) -> Any:
            if current_app not in self._limits._apps:
                raise ConfigurationError(
                    f"{current_app.name} must call limits.init_app(app), as it serves limited views"
                )
            outcome = ask(self._asking())
            if not outcome.allowed:
                raise RateLimitExceeded(outcome, dict(rate_headers(outcome, self._limiter.legacy)))
            return current_app.ensure_sync(view)(*arguments, **named)

        self._limits._note(view, limited, sys._getframe(1))
        return limited  # type: ignore[return-value]

    def peek(self) -> Outcome:
        """Look at the budget of the current request without charging it."""
        found = run(budget(self._asking()))
        if found.limits is None:
            return Outcome.exempt()
        return self._limiter.peek(found.subject, found.limits, scope=found.scope)

    def reset(self) -> bool:
        """Forget what was used of that budget; return whether there was anything."""
        found = run(budget(self._asking()))
        return self._limiter.reset(found.subject, found.scope)

    @property
    def __name__(self) -> NoReturn:
        """Flask asks views for their name, and a limit is not a view."""
        raise ConfigurationError(
            'a view must be a function, not a limit: write @limits.limit("5/minute") above it'
        )

    def _asking(self) -> Asking:
        functions = self._rule.functions
        return Asking(
            self._limiter,
            self._rule,
            _met(),
            request.method,
            _template,
            lambda name: functions[name](),
        )


def _serves(app: Flask, function: Any) -> bool:
    return function in app.view_functions.values()


def _unlimited(view: Any) -> ConfigurationError:
    return ConfigurationError(
        f'@limits.limit("5/minute") must be below @app.get(...), next to the function: '
        f"{view.__qualname__} is served without its limit"
    )


def _template() -> str | None:
    return str(request.url_rule) if request.url_rule else None


def _met() -> Met:
    met: Met = request.environ.setdefault(_MET, Met())
    return met


def _end(error: BaseException | None) -> None:
    """End a request whose error no handler has answered."""
    met: Met | None = request.environ.get(_MET)
    if error is not None and met is not None and met.ending is not None:
        met.ending.responded(Response(status=500))
        met.ending.release()


def _answer(error: RateLimitExceeded | CannotDecide) -> Response:
    status, headers, body = refusal(error)
    return Response(body, status, headers, content_type=CONTENT_TYPE)

"""Methods: what is one budget, what is another, and what is not limited."""

import flask
import pytest

from redis_rl import ConfigurationError, SyncRateLimiter
from redis_rl.flask import RateLimits
from store.kinds import LONG
from support.server import Server
from web.apps.adapters import METHODS, Adapter, limited
from web.conftest import Serve


def scopes(server: Server) -> list[str]:
    with server.client(decode_responses=True) as client:
        return sorted(key.split(":")[1] for key in client.keys("*"))


def test_methods_that_http_does_not_define_are_one_budget(make: Serve) -> None:
    site = make(limited("3/minute"))
    answers = [site.ask(method).status for method in ("BREW", "PROPFIND") * 4]
    assert answers == [200] * 3 + [429] * 5


def test_head_goes_with_get(make: Serve) -> None:
    site = make(limited("3/minute", methods=["GET"]))
    assert [site.ask(method).left for method in ("GET", "HEAD", "GET")] == [[2], [1], [0]]
    assert site.ask("HEAD").status == 429
    assert site.ask("POST").status == 200


def test_get_goes_with_head(make: Serve) -> None:
    site = make(limited("1/minute", methods=["head"]))
    assert [site.ask(method).status for method in ("HEAD", "GET", "POST")] == [200, 429, 200]


@pytest.mark.parametrize("options", [{}, {"name": "login"}, {"scope": "login"}], ids=repr)
def test_options_has_a_budget_of_its_own(
    make: Serve, server: Server, options: dict[str, str]
) -> None:
    site = make(limited("2/minute", **options))
    assert site.statuses(3, "OPTIONS") == [200, 200, 429]
    if site.template is None:
        expected = {"OPTIONS%20login" if options else "OPTIONS%20app"}
    else:
        template = site.template.replace("/", "%2F").replace("{", "%7B").replace("}", "%7D")
        template = template.replace("<", "%3C").replace(">", "%3E").replace(":", "%3A")
        expected = {"OPTIONS%20login" if options else f"OPTIONS%20{template}"}
    assert set(scopes(server)) == expected
    assert site.statuses(3, "POST") == [200, 200, 429]


def test_options_is_limited_only_if_listed_where_there_is_a_list(make: Serve) -> None:
    site = make(limited("1/minute", methods=["POST", "*"]))
    assert site.statuses(3, "OPTIONS") == [200] * 3
    assert site.statuses(2, "BREW") == [200, 429]
    listed = make(limited("1/hour", methods=["options"]))
    assert listed.statuses(2, "OPTIONS") == [200, 429]
    assert [listed.ask(method).status for method in METHODS if method != "OPTIONS"] == [200] * 6


def test_what_is_no_list_of_methods_is_an_error_where_it_is_written(make: Serve) -> None:
    for methods in (
        *("POST", "", [], 5, [None], [1], [b"GET"]),
        *(["POST", "GTE"], ["GET POST"], ["GET,POST"], [" POST"]),
    ):
        with pytest.raises(ConfigurationError, match=r"methods=\[\"POST\"\]"):
            make(limited("1/minute", methods=methods))


def test_a_set_of_methods_will_do(make: Serve) -> None:
    site: Adapter = make(limited("1/minute", methods={"POST"}))
    assert [site.ask(method).status for method in ("POST", "GET", "POST")] == [200, 200, 429]


def test_options_that_flask_answers_itself_asks_nothing(url: str, server: Server) -> None:
    app = flask.Flask(__name__)
    limits = RateLimits(app, SyncRateLimiter(url, **LONG))
    app.post("/login")(limits.limit("1/minute", name="login")(lambda: "ok"))
    client = app.test_client()
    assert [client.options("/login").status_code for _ in "12"] == [200, 200]
    assert scopes(server) == []
    assert [client.post("/login").status_code for _ in "12"] == [200, 429]

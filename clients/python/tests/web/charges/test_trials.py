"""Limits on trial and bans, in every adapter."""

from support.server import Server
from web.apps.adapters import limited
from web.conftest import Serve


def test_a_shadow_does_not_show(make: Serve, server: Server) -> None:
    site = make(limited("9/minute; shadow 2/minute", name="trial"))
    answers = [site.ask() for _ in range(3)]
    assert [(one.status, one.left) for one in answers] == [(200, [8]), (200, [7]), (200, [6])]
    assert answers[0].headers["ratelimit-policy"] == '"trial";q=9;w=60'
    with server.client() as client:
        ((_, denied),) = client.execute_command("RL.TOP", "SHADOW")
    assert denied == 1


def test_a_response_under_shadows_alone_has_no_rate_headers(make: Serve) -> None:
    answer = make(limited("shadow 1/minute")).ask()
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("ratelimit")]


def test_who_does_not_wait_is_banned(make: Serve, server: Server) -> None:
    site = make(limited("3/10 seconds; ban 1m after 2/minute", name="guarded"), legacy="delta")
    assert site.statuses(5) == [200] * 3 + [429] * 2
    began = site.ask()
    assert began.status == 429
    assert began.headers["retry-after"] == "60"
    assert began.headers["ratelimit-policy"] == '"guarded";q=3;w=10, "guarded-ban";q=2;w=60'
    assert began.headers["ratelimit"] == '"guarded";r=0;t=10, "guarded-ban";r=0;t=60'
    assert (began.headers["x-ratelimit-limit"], began.headers["x-ratelimit-reset"]) == ("2", "60")
    assert b'"violated-policies":["guarded","guarded-ban"]' in began.body
    server.clock.advance(59_999)
    assert site.ask().headers["ratelimit"] == '"guarded-ban";r=0;t=1'
    server.clock.advance(1)
    after = site.ask()
    assert (after.status, after.headers["ratelimit-policy"]) == (200, '"guarded";q=3;w=10')


def test_two_unnamed_limits_with_a_ban_have_one_each(make: Serve, server: Server) -> None:
    site = make(
        limited("1/minute; ban 1h after 9/minute"), limited("9/hour; ban 1h after 9/minute")
    )
    assert site.ask().status == 200
    with server.client(decode_responses=True) as client:
        first, second = sorted(key.split(":")[1] for key in client.keys("*"))
    assert second == f"{first}%232"

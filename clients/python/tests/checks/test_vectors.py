"""What all three helpers agree on: every case of clients/vectors.json."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis._parsers.base import BaseParser

from redis_rl.charges.ids import text
from redis_rl.charges.waiting import extra_ms
from redis_rl.errors import (
    CannotIdentify,
    CannotNow,
    ConfigurationError,
    ModuleNotLoaded,
    StoreMisconfigured,
)
from redis_rl.http.headers import merge, merge_raw, rate_headers, raw
from redis_rl.http.problem import denial
from redis_rl.keys.addresses import AddressRules
from redis_rl.keys.keys import Keys
from redis_rl.keys.subjects import Subject
from redis_rl.limits.grammar import together
from redis_rl.limits.known import Clause, clause_of
from redis_rl.limits.limitset import LimitSet
from redis_rl.limits.names import Policy
from redis_rl.limits.places import Places
from redis_rl.outcome import Decision, Outcome
from redis_rl.rules.met import Met
from redis_rl.rules.rule import Rule
from redis_rl.rules.scope import checked_methods, scope
from redis_rl.wire.command import command, lease, named_charge, rl_all, rl_limit, rl_limit_named
from redis_rl.wire.faults import classify

VECTORS = json.loads((Path(__file__).parents[3] / "vectors.json").read_text())
WHAT_IT_IS = {
    "transient": CannotNow,
    "configuration": StoreMisconfigured,
    "missing_module": ModuleNotLoaded,
}

Case = dict[str, Any]


def cases(section: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", VECTORS[section], ids=lambda case: case["case"])


def test_every_section_of_the_vectors_is_run() -> None:
    source = Path(__file__).read_text()
    sections = {name for name, value in VECTORS.items() if isinstance(value, list)}
    assert sections == set(re.findall(r'@cases\("(\w+)"\)', source))


@cases("limits")
def test_limits(case: Case) -> None:
    if case.get("error"):
        with pytest.raises(ConfigurationError) as raised:
            together(case["spec"])
        assert repr(case["spec"]) in str(raised.value)
        return
    limits = together(case["spec"])
    assert [list(limit.clause) for limit in limits] == case["clauses"]
    assert [limit.period_ms for limit in limits] == case["periods_ms"]


@cases("policies")
def test_policies(case: Case) -> None:
    if case.get("error"):
        with pytest.raises(ConfigurationError):
            LimitSet(case["spec"], name=case["name"])
        return
    limits = LimitSet(case["spec"], name=case["name"])
    labels = limits.labels(known(case))
    assert list(map(fields, labels.policies)) == case["policies"]
    bans = [case["ban"]] if "ban" in case else []
    assert [fields(policy) for _, policy in labels.bans] == bans


def fields(policy: Policy) -> Case:
    return {"name": policy.name, "q": policy.q, "w": policy.w}


def known(case: Case) -> dict[str, tuple[Clause, ...]]:
    """What the server says of the policies of a case."""
    server = case.get("server", {})
    return {name: tuple(map(clause_of, clauses)) for name, clauses in server.items()}


@cases("keys")
def test_keys(case: Case) -> None:
    def key() -> str:
        keys = Keys(case["prefix"], AddressRules(ipv6_prefix=case.get("ipv6_prefix", 64)))
        return keys.key(case["scope"], subject(case["kind"], case["subject"]), case.get("slot"))

    if case.get("error"):
        with pytest.raises((CannotIdentify, ConfigurationError, ValueError)):
            key()
        return
    assert key() == case["key"]


def subject(kind: str, who: str) -> Subject:
    if kind == "ip":
        return Subject.ip(who)
    if kind == "key":
        return Subject.api_key(who)
    return Subject.user(who) if kind == "user" else Subject(kind, who)


@cases("scopes")
def test_scopes(case: Case) -> None:
    def found() -> str | None:
        methods = checked_methods(case["methods"])
        return scope(case["method"], case["template"], case["name"], methods)

    if case.get("error"):
        with pytest.raises(ConfigurationError, match="methods"):
            found()
        return
    assert found() == case["scope"]


@cases("stacks")
def test_stacks(case: Case) -> None:
    met = Met()
    rules: dict[str, Rule] = {}
    scopes: list[str | None] = []
    for limit in case["limits"]:
        name = limit["scope"] if limit["named"] else None
        new = Rule((limit["spec"],), {"scope": name}, Subject.ip)
        rule = rules.setdefault(limit["id"], new)
        asked: Any = None
        if rule not in met.outcomes:
            met.outcomes[rule] = Outcome.exempt()
            if limit["subject"] is None:
                met.passed(rule, limit["scope"], known(case))
            else:
                asked = (
                    rule,
                    limit["scope"],
                    rule.first,
                    partial(key, limit["subject"]),
                    known(case),
                )
        if limit is case["limits"][-1] and "error" in case:
            with pytest.raises(StoreMisconfigured) as raised:
                met.charged(*asked)
            assert str(raised.value).count(limit["scope"]) >= 1
            return
        scopes.append(met.charged(*asked) if asked else None)
    assert scopes == case["scopes"]


def key(subject: str, scope: str) -> str:
    return f"rl:{scope}:{subject}"


@cases("clients")
def test_clients(case: Case) -> None:
    def client() -> str:
        rules = AddressRules(case["trusted_proxies"], case["ipv6_prefix"])
        return rules.client(case["peer"], case["forwarded_for"])

    if "error" in case:
        what = {"cannot_identify": CannotIdentify, "config": ConfigurationError}[case["error"]]
        with pytest.raises(what):
            client()
        return
    assert client() == case["subject"]


@cases("outcomes")
def test_outcomes(case: Case) -> None:
    limits = LimitSet(case["spec"], name=case["name"])
    outcome = Outcome.from_reply(case["reply"], limits, "key", case["cost"], known(case))
    assert told(outcome) == in_seconds(case["outcome"])
    plain = rate_headers(outcome)
    assert folded(plain) == folded(case["headers"].items())
    for legacy in ("delta", "epoch", "draft6"):
        all_of_them = rate_headers(outcome, legacy, case["now_ms"])
        besides = [field for field in all_of_them if field not in plain]
        assert folded(besides) == folded(case[f"headers_{legacy}"].items())
    assert ("body" in case) != outcome.allowed
    if not outcome.allowed:
        assert denial(outcome) == case["body"]


def told(outcome: Outcome) -> Case:
    return {
        "allowed": outcome.allowed,
        "remaining": outcome.remaining,
        "retry_after": outcome.retry_after,
        "reset_after": outcome.reset_after,
        "wait": outcome.wait,
        "tightest": outcome.tightest and outcome.tightest.policy,
        "decisions": [told_of(decision) for decision in outcome.decisions],
        **({"ban": told_of(outcome.ban)} if outcome.ban else {}),
    }


def told_of(decision: Decision) -> Case:
    return {
        "policy": decision.policy,
        "allowed": decision.allowed,
        "limit": decision.limit,
        "remaining": decision.remaining,
        "retry_after": decision.retry_after,
        "reset_after": decision.reset_after,
        "wait": decision.wait,
    }


def in_seconds(expected: Any) -> Any:
    if isinstance(expected, list):
        return list(map(in_seconds, expected))
    if not isinstance(expected, dict):
        return expected
    return {
        name.removesuffix("_ms"): value / 1000
        if name.endswith("_ms") and value is not None
        else in_seconds(value)
        for name, value in expected.items()
    }


def folded(headers: Any) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in headers)


@cases("merges")
def test_merges(case: Case) -> None:
    limits = LimitSet(case["spec"], name=case["name"])
    ours = rate_headers(Outcome.from_reply(case["reply"], limits, "key"))
    set_by_app = list(case["headers"].items())
    assert folded(merge(set_by_app, ours)) == folded(case["sent"].items())
    sent = [(name.decode(), value.decode()) for name, value in merge_raw(raw(set_by_app), ours)]
    assert folded(sent) == folded(case["sent"].items())


@cases("replies")
def test_replies(case: Case) -> None:
    with pytest.raises(StoreMisconfigured):
        Outcome.from_reply(case["reply"], LimitSet("5/minute"), "key")


@cases("errors")
def test_errors(case: Case) -> None:
    error = BaseParser.parse_error(case["message"])
    found = classify(error)
    assert isinstance(found, WHAT_IT_IS[case["class"]])
    assert isinstance(found, ModuleNotLoaded) == (case["class"] == "missing_module")


@cases("settled")
def test_settled(case: Case) -> None:
    limits = LimitSet(case["spec"], name=case["name"])
    outcome = Outcome.from_reply(case["reply"], limits, "key", case["cost"], known(case))
    outcome.show_settled(0)
    outcome.show_settled(case["actual"])
    assert outcome.remaining == case["remaining"]
    assert dict(rate_headers(outcome))["RateLimit"] == case["RateLimit"]


@cases("ids")
def test_ids(case: Case) -> None:
    assert text(bytes.fromhex(case["bytes"])) == case["id"]


@cases("commands")
def test_commands(case: Case) -> None:
    groups = case["groups"]
    sets = [LimitSet(group["spec"]) for group in groups]
    if case.get("all"):
        sent = rl_all(
            [
                (group["key"], limits.clauses, limits.count, group["cost"])
                for group, limits in zip(groups, sets, strict=True)
            ],
            ending(case, sets),
        )
    else:
        (group,), (limits,) = groups, sets
        arguments = (limits.clauses, limits.count, group["cost"])
        end = ending(case, sets)
        sent = (
            rl_limit_named(group["key"], *arguments, end)
            if end
            else rl_limit(group["key"].encode(), *arguments)
        )
    assert sent == command(*case["words"])


def ending(case: Case, sets: list[LimitSet]) -> tuple[str, ...]:
    if case["id"] is None or not any(group["cost"] for group in case["groups"]):
        return ()
    return named_charge(case["id"], max(one.keep_s for one in sets) if case["keep"] else None)


@cases("leases")
def test_leases(case: Case) -> None:
    if case.get("error"):
        with pytest.raises(ConfigurationError):
            Places(case["limit"], case["lease"], case["name"])
        return
    places = Places(case["limit"], case["lease"], case["name"])
    sent = lease("k", places.limit, str(places.lease), case["words"][-1])
    assert sent == command(*case["words"])
    outcome = Outcome.of_place(case["reply"], places, "k")
    assert folded(rate_headers(outcome)) == folded(case["headers"].items())
    assert outcome.allowed == ("body" not in case)
    if not outcome.allowed:
        assert denial(outcome) == case["body"]


@cases("lines")
def test_lines(case: Case) -> None:
    limits = LimitSet(case["spec"])
    quotas = None if not limits.named or "server" in case else [5]
    labels = limits.labels(known(case), quotas)
    extra = extra_ms(labels.limits, case["ahead"] * case["cost"])
    assert case["wait_ms"] + extra == case["estimate_ms"]

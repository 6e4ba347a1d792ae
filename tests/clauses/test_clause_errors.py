"""Errors of LEASE, SHADOW and BAN, in calls and in policies: their whole text, nothing changed."""

from __future__ import annotations

import json

import pytest

from support.keyspace import snapshot
from support.resp import Failure, RawConnection

pytestmark = pytest.mark.all_servers

ALGORITHMS = "FIXED, SLIDING, LOG, TOKEN or LEAKY"
OF_POLICIES = "FIXED, SLIDING, LOG, TOKEN, LEAKY, LEASE, SHADOW or BAN"
OF_CALLS = "FIXED, SLIDING, LOG, TOKEN, LEAKY, LEASE, SHADOW, BAN or POLICY"

SENTENCES = {
    "RL.LEASE k 1 10 a 5": "ERR unexpected argument '5', only COST n may follow the id",
    "RL.LEASE k 1 10 a ID b": "ERR unexpected argument 'ID', only COST n may follow the id",
    "RL.LEASE k 1 10 a COST": "ERR COST must be followed by an integer from 0 to 1000000000000",
    "RL.LEASE k 1 10 a COST 1 COST 1": "ERR unexpected argument 'COST', nothing may follow COST n",
    "RL.LIMIT k LEASE 1 10": "ERR LEASE must come with ID id at the end of the call",
    "RL.LIMIT k LEASE 1 10 FIXED 1 10 COST 0": (
        "ERR LEASE must come with ID id at the end of the call"
    ),
    "RL.LIMIT k LEASE 1": "ERR clause 1 is incomplete, it must be LEASE limit duration",
    "RL.LIMIT k LEASE 1 10 FIXED 1 10 lease 2 20 ID a": (
        "ERR clause 3 is a second LEASE, a key may have one in a call"
    ),
    "RL.LIMIT k SHADOW FIXED": "ERR clause 1 is incomplete, it must be SHADOW clause",
    "RL.LIMIT k FIXED 1 10 SHADOW": "ERR clause 2 is incomplete, it must be SHADOW clause",
    "RL.LIMIT k FIXED 1 10 shadow TOKEN 1 1": (
        "ERR clause 2 is incomplete, it must be SHADOW clause"
    ),
    **{
        f"RL.LIMIT k FIXED 1 10 SHADOW {word} 1 10 10": (
            f"ERR clause 2: SHADOW must be followed by {ALGORITHMS}, not '{word}'"
        )
        for word in ("LEASE", "BAN", "SHADOW", "POLICY", "COST", "NONE", "1")
    },
    "RL.LIMIT k SHADOW FIXED 1 10 FIXED 1 10 SHADOW FIXED 2 10s": (
        "ERR clause 3 has the same algorithm and period as clause 1, each limiter may be named once"
    ),
    "RL.LIMIT k FIXED 1 9 SHADOW LOG 1 10 FIXED 1 10 FIXED 2 10s": (
        "ERR clause 4 has the same algorithm and period as clause 3, each limiter may be named once"
    ),
    "RL.LIMIT k FIXED 1 10 BAN 1 10": (
        "ERR clause 2 is incomplete, it must be BAN refusals period ban [max]"
    ),
    "RL.LIMIT k FIXED 1 10 BAN 1 10 1m BAN 1 10 2m": (
        "ERR clause 3 is a second BAN, a key may have one in a call"
    ),
    **{
        f"RL.LIMIT k FIXED 1 10 BAN 1 10 {ban} {most}": (
            f"ERR clause 2: max must be at least the ban, '{ban}', not '{most}'"
        )
        for ban, most in (("1m", "59s"), ("60", "59999ms"), ("2ms", "1ms"), ("366d", "365d"))
    },
    **{
        f"RL.LIMIT k {clauses}": (
            "ERR BAN must come with a clause that can refuse: a limit or LEASE"
        )
        for clauses in (
            *("BAN 1 10 10", "BAN 1 10 10 20 COST 0", "ban 1 10 10 ID a"),
            *("SHADOW FIXED 1 10 BAN 1 10 10", "BAN 1 10 10 SHADOW LOG 1 10 SHADOW TOKEN 1 1 1"),
        )
    },
    "RL.LIMIT k FIXED 1 10 BAN 1 10 10 MAX": (
        f"ERR clause 3 must begin with {OF_CALLS}, or be COST n or ID id and come last, not 'MAX'"
    ),
    "RL.LIMIT k " + " ".join(f"SHADOW FIXED 1 {n}" for n in range(1, 18)): (
        "ERR too many clauses, a call may have at most 16"
    ),
    "RL.LIMIT k BAN 1 10 10 LEASE 1 10 FIXED 1 10 "
    + " ".join(f"SHADOW LOG 1 {n}" for n in range(1, 15))
    + " ID a": "ERR too many clauses, a call may have at most 16",
    "RL.TOP SHADOW 10": (
        "ERR unexpected argument '10', it may be SHADOW, COUNT n or RESET, in this order"
    ),
    "RL.TOP SHADOW SHADOW": (
        "ERR unexpected argument 'SHADOW', it may be SHADOW, COUNT n or RESET, in this order"
    ),
    "RL.TOP COUNT 1 SHADOW": "ERR unexpected argument 'SHADOW', only RESET may follow COUNT n",
    "RL.TOP RESET SHADOW": "ERR unexpected argument 'SHADOW', nothing may follow RESET",
}


@pytest.mark.parametrize("live", [False, True], ids=["no key", "a live key"])
def test_errors(raw: RawConnection, live: bool) -> None:
    if live:
        clauses = "LEASE 5 10 FIXED 0 7 SHADOW LOG 5 10 BAN 5 10 10"
        raw("RL.LIMIT", "k", *clauses.split(), "ID", "b")
    before = snapshot(raw)
    for line, sentence in SENTENCES.items():
        assert raw(*line.split()) == Failure(sentence), line
        assert snapshot(raw) == before, line


# Clauses of a policy, and what is wrong with them.
OF_A_POLICY = {
    "NONE 1 10": f"clause 1 must begin with {OF_POLICIES}, not 'NONE'",
    "POLICY api 1": f"clause 1 must begin with {OF_POLICIES}, not 'POLICY'",
    "LEASE 10001 10": (
        "clause 1: limit must be an integer from 0 to 10000, without sign or leading zero, "
        "not '10001'"
    ),
    "LEASE 1 10, LEASE 2 20": "clause 2 is a second LEASE, a key may have one in a call",
    "FIXED 1 10, SHADOW BAN 1 10 10": (
        f"clause 2: SHADOW must be followed by {ALGORITHMS}, not 'BAN'"
    ),
    "SHADOW LOG 1 10, SHADOW LOG 2 10s": (
        "clause 2 has the same algorithm and period as clause 1, each limiter may be named once"
    ),
    "SHADOW LOG 1000001 10": (
        "clause 1: limit must be an integer from 0 to 1000000, without sign or leading zero, "
        "not '1000001'"
    ),
    "BAN 1 10 1m 59s": "clause 1: max must be at least the ban, '1m', not '59s'",
    "BAN 0 10 1m": (
        "clause 1: refusals must be an integer from 1 to 1000000, without sign or leading zero, "
        "not '0'"
    ),
    "BAN 1 10 1m, BAN 1 10 1m": "clause 2 is a second BAN, a key may have one in a call",
}


@pytest.mark.parametrize("clauses", OF_A_POLICY)
def test_of_policies(raw: RawConnection, clauses: str) -> None:
    texts, sentence = clauses.split(", "), OF_A_POLICY[clauses]
    assert raw("RL.POLICY", "SET", "p", *" ".join(texts).split()) == Failure(f"ERR {sentence}")
    refused = raw("RL.POLICY", "LOAD", json.dumps({"p": texts}))
    assert isinstance(refused, Failure)
    assert refused.text.startswith(f"ERR json must be policies: policy 'p': {sentence} at line 1")
    assert raw("RL.POLICY", "LIST") == []


# What is one clause in JSON, or is not.
TEXTS = {
    "BAN 1 10 10 20 30": "'BAN 1 10 10 20 30' must be one clause",
    "BAN 1 10 10 FIXED": "'BAN 1 10 10 FIXED' must be one clause",
    "SHADOW FIXED 1 10 20": "'SHADOW FIXED 1 10 20' must be one clause",
    "LEASE 1 10 ID": "'LEASE 1 10 ID' must be one clause",
    "BAN 1 10": "clause 1 is incomplete, it must be BAN refusals period ban [max]",
    "SHADOW": "clause 1 is incomplete, it must be SHADOW clause",
    "SHADOW TOKEN 1 10": "clause 1 is incomplete, it must be SHADOW clause",
    "LEASE 1": "clause 1 is incomplete, it must be LEASE limit duration",
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_one_clause(raw: RawConnection, text: str) -> None:
    refused = raw("RL.POLICY", "LOAD", json.dumps({"p": [text]}))
    assert isinstance(refused, Failure)
    assert refused.text.startswith(f"ERR json must be policies: policy 'p': {TEXTS[text]} at line")


# A policy is checked when it is set; what a call makes of several, when they are called.
TOGETHER = {
    "POLICY ban": "BAN must come with a clause that can refuse: a limit or LEASE",
    "POLICY trial POLICY ban": "BAN must come with a clause that can refuse: a limit or LEASE",
    "POLICY ban FIXED 1 10 BAN 2 10 10": "clause 3 is a second BAN, a key may have one in a call",
    "POLICY place POLICY place": "clause 2 is a second LEASE, a key may have one in a call",
    "POLICY place": "LEASE must come with ID id at the end of the call",
    "SHADOW LOG 1 10 FIXED 1 10 POLICY trial": (
        "clause 3 has the same algorithm and period as clause 1, each limiter may be named once"
    ),
}


@pytest.mark.parametrize("clauses", TOGETHER)
def test_of_calls_of_policies(raw: RawConnection, clauses: str) -> None:
    policies = {"ban": ["BAN 1 10 10"], "trial": ["SHADOW LOG 5 10"], "place": ["LEASE 1 10"]}
    raw("RL.POLICY", "LOAD", json.dumps(policies))
    assert raw("RL.LIMIT", "k", *clauses.split()) == Failure(f"ERR {TOGETHER[clauses]}")
    assert raw("DBSIZE") == 0
    for beside in ("FIXED 5 10", "SHADOW TOKEN 5 1 1m LOG 5 10"):
        allowed = raw("RL.LIMIT", "k", "POLICY", "ban", *beside.split(), "POLICY", "trial")
        assert isinstance(allowed, list)
        assert allowed[0] == 1
    raw("RL.POLICY", "DEL", *policies)

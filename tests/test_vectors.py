"""clients/vectors.json speaks of this module: it takes the clauses, over the periods they say."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import redis

from support.paths import ROOT

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (ROOT / "clients" / "vectors.json").read_text()
)
PERIOD_MS = 3  # where RL.PEEK tells of it


def test_the_module_reads_every_clause_as_the_vectors_do(client: redis.Redis) -> None:
    for row in VECTORS["limits"]:
        if "error" in row:
            continue
        client.delete("k")
        limits, periods_ms = [], []
        for place, (clause, period_ms) in enumerate(
            zip(row["clauses"], row["periods_ms"], strict=True)
        ):
            if clause[0] == "POLICY":
                # What a policy stands for is the server's; here a limit of its own.
                limits.append(7)
                periods_ms.append(1_001 + place)
                stands_for = ["FIXED", limits[-1], f"{periods_ms[-1]}ms"]
                client.execute_command("RL.POLICY", "SET", clause[1], *stands_for)
            else:
                limits.append(int(clause[1]))
                periods_ms.append(period_ms)
        words = chain.from_iterable(row["clauses"])
        verdict, *told = client.execute_command("RL.LIMIT", "k", *words)
        assert [five[1] for five in told] == limits, row
        in_use = sorted(limiter[PERIOD_MS] for limiter in client.execute_command("RL.PEEK", "k"))
        assert in_use == (sorted(periods_ms) if verdict else []), row


def test_no_case_is_there_twice() -> None:
    for name, rows in VECTORS.items():
        cases = [row["case"] for row in rows]
        assert len(cases) == len(set(cases)), name

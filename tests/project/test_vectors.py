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
NAME, PERIOD_MS = 0, 3
"""Where RL.PEEK tells of it: its algorithm, or what else it is, and its period."""


def test_the_module_reads_every_clause_as_the_vectors_do(client: redis.Redis) -> None:
    for row in VECTORS["limits"]:
        if "error" in row:
            continue
        client.delete("k")
        rows, in_use = [], []
        for place, (clause, period_ms) in enumerate(
            zip(row["clauses"], row["periods_ms"], strict=True)
        ):
            name, *numbers = clause
            if name == "POLICY":
                # What a policy stands for is the server's; here a limit of its own.
                rows.append(7)
                period = 1_001 + place
                client.execute_command("RL.POLICY", "SET", *numbers, "FIXED", 7, f"{period}ms")
                in_use.append(("fixed", period))
            elif name == "SHADOW":
                in_use.append((f"shadow-{numbers[0].lower()}", period_ms))
            else:
                rows.append(int(numbers[0]))
                # A ban without a refusal leaves nothing.
                in_use += [(name.lower(), period_ms)] if name != "BAN" else []
        words = chain.from_iterable(row["clauses"])
        verdict, *told = client.execute_command("RL.LIMIT", "k", *words)
        assert [five[1] for five in told] == rows, row
        kept = client.execute_command("RL.PEEK", "k")
        found = sorted((one[NAME].decode(), one[PERIOD_MS]) for one in kept)
        assert found == (sorted(in_use) if verdict else []), row


def test_no_case_is_there_twice() -> None:
    for name, rows in VECTORS.items():
        cases = [row["case"] for row in rows]
        assert len(cases) == len(set(cases)), name

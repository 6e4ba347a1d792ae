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
        words = chain.from_iterable(row["clauses"])
        verdict, *limits = client.execute_command("RL.LIMIT", "k", *words)
        assert [told[1] for told in limits] == [int(clause[1]) for clause in row["clauses"]], row
        in_use = sorted(limiter[PERIOD_MS] for limiter in client.execute_command("RL.PEEK", "k"))
        assert in_use == (sorted(row["periods_ms"]) if verdict else []), row


def test_no_case_is_there_twice() -> None:
    for name, rows in VECTORS.items():
        cases = [row["case"] for row in rows]
        assert len(cases) == len(set(cases)), name

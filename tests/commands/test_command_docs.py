"""What the server tells of the commands: COMMAND DOCS, INFO and GETKEYS, RL.HELP, RL.VERSION."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from support.kinds import FLOOR, Kind
from support.paths import ROOT
from support.resp import RawConnection, Reply, Status

pytestmark = pytest.mark.all_servers

CONSUMING = (
    *("rl.fixed", "rl.sliding", "rl.log", "rl.token", "rl.leaky", "rl.limit", "rl.all"),
    *("rl.settle", "rl.lease", "rl.renew", "rl.release", "rl.throttle", "cl.throttle"),
)
GOVERNING = ("rl.policy|set", "rl.policy|del", "rl.policy|load")
# As many as there are policies, so not fast.
LISTING = ("rl.policy|list", "rl.policy|dump")
LEAST_WORDS = {
    **dict.fromkeys(("rl.fixed", "rl.sliding", "rl.log"), -4),
    **dict.fromkeys(("rl.token", "rl.leaky", "rl.throttle", "cl.throttle"), -5),
    **dict.fromkeys(("rl.limit", "rl.all"), -4),
    "rl.settle": 4,
    "rl.lease": -5,
    "rl.renew": -4,
    "rl.release": -3,
    "rl.peek": 2,
    "rl.top": -1,
    "rl.policy|set": -6,
    "rl.policy|get": 3,
    "rl.policy|del": -3,
    "rl.policy|list": 2,
    "rl.policy|load": 3,
    "rl.policy|dump": 2,
    "rl.apply": 3,
    "rl.help": 1,
    "rl.version": 1,
}
LIMITS = (
    "FIXED limit period|SLIDING limit period|LOG limit period"
    "|TOKEN capacity refill period|LEAKY capacity leak period"
)
PLAIN_CLAUSES = f"{LIMITS}|LEASE limit duration|SHADOW {LIMITS}|BAN refusals period ban [max]"
CLAUSES = f"{PLAIN_CLAUSES}|POLICY name"
CHARGE = "[ID id [KEEP period]]"
SYNTAX = {
    "rl.fixed": f"key limit period [COST n] {CHARGE}",
    "rl.sliding": f"key limit period [COST n] {CHARGE}",
    "rl.log": f"key limit period [COST n] {CHARGE}",
    "rl.token": f"key capacity refill period [COST n] {CHARGE}",
    "rl.leaky": f"key capacity leak period [COST n] {CHARGE}",
    "rl.limit": f"key {CLAUSES} ... [COST n] {CHARGE}",
    "rl.all": (f"key {CLAUSES} ... [COST n] [AND key {CLAUSES} ... [COST n] ...] {CHARGE}"),
    "rl.settle": "key id cost",
    "rl.lease": "key limit duration id [COST n]",
    "rl.renew": "key duration id ...",
    "rl.release": "key id ...",
    "rl.policy|set": f"name {PLAIN_CLAUSES} ...",
    "rl.policy|get": "name",
    "rl.policy|del": "name ...",
    "rl.policy|list": "",
    "rl.policy|load": "json",
    "rl.policy|dump": "",
    "rl.peek": "key",
    "rl.throttle": "key max_burst count period [quantity]",
    "cl.throttle": "key max_burst count period [quantity]",
    "rl.apply": "key effect",
    "rl.top": "[SHADOW] [COUNT n] [RESET]",
    "rl.help": "",
    "rl.version": "",
}
TYPES = {
    **dict.fromkeys(("limit", "capacity", "refill", "leak", "n", "max_burst", "count"), "integer"),
    "key": "key",
    **dict.fromkeys(("quantity", "cost", "refusals"), "integer"),
    **dict.fromkeys(("effect", "name", "json", "id"), "string"),
    **dict.fromkeys(("period", "duration", "ban", "max"), "string"),
}

every_command = pytest.mark.parametrize("name", LEAST_WORDS)


def plain(reply: Reply) -> Any:
    """The reply with its strings as text, and its pairs as a mapping where they are one."""
    if isinstance(reply, Status):
        return reply.text
    if isinstance(reply, bytes):
        return reply.decode()
    if isinstance(reply, list):
        return [plain(each) for each in reply]
    return reply


def pairs(flat: list[Any]) -> dict[str, Any]:
    """A mapping that RESP2 tells as a list."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def version() -> str:
    """The version in Cargo.toml."""
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())
    return str(cargo["workspace"]["package"]["version"])


def syntax_of(argument: dict[str, Any]) -> str:
    """The argument as a syntax line shows it; its type is checked on the way."""
    kind, name, token = argument["type"], argument["name"], argument.get("token")
    parts = [syntax_of(pairs(part)) for part in argument.get("arguments", [])]
    match kind:
        case "oneof":
            text = "|".join(parts)
        case "block":
            text = " ".join(parts)
        case "pure-token":
            assert token == name.upper()
            text = token
        case _:
            assert TYPES[name] == kind
            text = f"{token} {name}" if token else name
    flags = argument.get("flags", [])
    if "multiple" in flags:
        text += " ..."
    return f"[{text}]" if "optional" in flags else text


def every(arguments: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The arguments, and those within them."""
    for argument in arguments:
        yield argument
        yield from every([pairs(part) for part in argument.get("arguments", [])])


@every_command
def test_docs(raw: RawConnection, name: str) -> None:
    answer = plain(raw("COMMAND", "DOCS", name.upper()))
    assert answer[0] == name
    docs = pairs(answer[1])
    assert re.fullmatch(r"[A-Z].{14,90}[^.]", docs["summary"])
    assert docs["complexity"].startswith("O(")
    assert docs["since"] == "0.1.0"
    assert docs["group"] == "module"
    assert docs["module"] == "ratelimit"
    arguments = [pairs(argument) for argument in docs.get("arguments", [])]
    assert " ".join(syntax_of(argument) for argument in arguments) == SYNTAX[name]
    keys = [each["key_spec_index"] for each in every(arguments) if each["type"] == "key"]
    assert keys == [0] * len(re.findall(r"\bkey\b", SYNTAX[name]))


@every_command
def test_info(raw: RawConnection, kind: Kind, name: str) -> None:
    [info] = plain(raw("COMMAND", "INFO", name))
    found, arity, flags, first, last, step, categories, _, specs, subcommands = info
    assert (found, arity, subcommands) == (name, LEAST_WORDS[name], [])
    keyed = name not in (*GOVERNING, "rl.top", "rl.help", "rl.version") and "|" not in name
    assert (first, last, step) == ((1, 1, 1) if keyed else (0, 0, 0))
    assert set(flags) == flags_of(name)
    expected = set() if kind.name == FLOOR else {f"@{each}" for each in categories_of(name)}
    assert set(categories) == expected
    if not keyed:
        assert specs == []
        return
    [spec] = [pairs(spec) for spec in specs]
    rights = {"RO", "access"} if name == "rl.peek" else {"RW", "access", "update"}
    # The command itself tells its other keys.
    assert set(spec["flags"]) == rights | ({"incomplete"} if name == "rl.all" else set())
    assert pairs(spec["begin_search"]) == {"type": "index", "spec": ["index", 1]}
    assert pairs(spec["find_keys"]) == {
        "type": "range",
        "spec": ["lastkey", 0, "keystep", 1, "limit", 0],
    }


@every_command
def test_policies_are_to_be_set_on_every_primary(raw: RawConnection, name: str) -> None:
    [info] = plain(raw("COMMAND", "INFO", name))
    governs = ["request_policy:all_shards", "response_policy:all_succeeded"]
    assert info[7] == (governs if name in GOVERNING else [])


def flags_of(name: str) -> set[str]:
    """The flags that COMMAND INFO shows."""
    if name == "rl.all":
        return {"module", "write", "fast", "movablekeys"}
    if name in CONSUMING:
        return {"module", "write", "fast"}
    return {
        "rl.peek": {"module", "readonly", "fast"},
        "rl.apply": {"module", "write", "denyoom"},
        "rl.top": {"module", "admin", "loading", "stale"},
        **{each: {"module", "admin", "write", "denyoom"} for each in GOVERNING},
        **{each: {"module", "loading", "stale"} for each in LISTING},
    }.get(name, {"module", "fast", "loading", "stale"})


def categories_of(name: str) -> set[str]:
    """The ACL categories, on servers that let modules set them."""
    if name in CONSUMING:
        return {"write", "fast", "ratelimit"}
    return {
        "rl.peek": {"read", "fast", "ratelimit"},
        "rl.apply": {"keyspace", "write", "slow", "dangerous"},
        **{each: {"admin", "slow", "dangerous"} for each in ("rl.top", *GOVERNING)},
        **{each: {"slow", "ratelimit"} for each in LISTING},
    }.get(name, {"fast", "ratelimit"})


@every_command
def test_who_is_fast_takes_no_longer_for_more(raw: RawConnection, name: str) -> None:
    [info] = plain(raw("COMMAND", "INFO", name))
    docs = pairs(plain(raw("COMMAND", "DOCS", name))[1])
    # Limiters, receipts and leases at a key are as many as the server's operator allows.
    fast = re.match(
        r"O\((1|log\(N\)|L|C\*L|R)\)|O\(.+\) with .*\bN leases at the key", docs["complexity"]
    )
    assert fast or "fast" not in info[2], docs["complexity"]


def test_the_category_lists_the_commands(raw: RawConnection, kind: Kind) -> None:
    if kind.name == FLOOR:
        assert "ratelimit" not in plain(raw("ACL", "CAT"))
        return
    listed = plain(raw("ACL", "CAT", "ratelimit"))
    assert sorted(listed) == sorted(set(LEAST_WORDS) - {"rl.apply", "rl.top", *GOVERNING})


def test_the_internal_command_is_in_the_categories_of_restore(
    raw: RawConnection, kind: Kind
) -> None:
    restore, internal = plain(raw("COMMAND", "INFO", "restore", "rl.apply"))
    assert set(restore[2]) == set(internal[2]) - {"module"}
    if kind.name != FLOOR:
        assert set(restore[6]) == set(internal[6])


@pytest.mark.parametrize(
    "line",
    [
        "RL.FIXED the:key 5 10 COST 2",
        "RL.LIMIT the:key FIXED 5 10 TOKEN 5 1 10 COST 2",
        "RL.LIMIT the:key LEASE 5 10 SHADOW FIXED 5 10 BAN 5 10 10 20 POLICY p ID a",
        "RL.SETTLE the:key a 1",
        "RL.LEASE the:key 5 10 a COST 2",
        "RL.RENEW the:key 10 a b",
        "RL.RELEASE the:key a b",
        "RL.THROTTLE the:key 5 1 10 1",
        "CL.THROTTLE the:key 5 1 10",
        "RL.PEEK the:key",
        "RL.APPLY the:key effect",
    ],
)
def test_getkeys(raw: RawConnection, line: str) -> None:
    assert raw("COMMAND", "GETKEYS", *line.split()) == [b"the:key"]
    [[key, rights]] = plain(raw("COMMAND", "GETKEYSANDFLAGS", *line.split()))
    assert (key, rights[0]) == ("the:key", "RO" if "PEEK" in line else "RW")


def test_the_module_has_these_commands_and_no_other(raw: RawConnection) -> None:
    listed = plain(raw("COMMAND", "LIST", "FILTERBY", "MODULE", "ratelimit"))
    assert sorted(set(listed) - {"rl.policy"}) == sorted(LEAST_WORDS)


def test_help_has_one_line_per_command(raw: RawConnection) -> None:
    reply = raw("RL.HELP")
    assert isinstance(reply, list)
    assert all(isinstance(line, Status) for line in reply), "as other HELP commands answer"
    lines = [str(line) for line in plain(reply)]
    names = [re.split(r"[ :]", line)[0].lower() for line in lines]
    assert [name for name in names if name != "rl.policy"] == [
        *CONSUMING[:11],
        *("rl.peek", "rl.throttle", "cl.throttle", "rl.top", "rl.help", "rl.version"),
    ]
    assert names.count("rl.policy") == 6
    for line in lines:
        name = re.sub(r"^(RL.POLICY) ", r"\1|", line).split()[0].rstrip(":")
        docs = plain(raw("COMMAND", "DOCS", name))[1]
        assert line.endswith(f": {pairs(docs)['summary']}.")
    assert lines[0].startswith("RL.FIXED key limit period [COST n] [ID id [KEEP period]]: ")
    limit = "RL.LIMIT key clause [clause ...] [COST n] [ID id [KEEP period]]; clause: FIXED limit "
    assert lines[5].startswith(limit)
    group = "[AND key clause [clause ...] [COST n]] ..."
    both = f"RL.ALL key clause [clause ...] [COST n] {group} [ID id [KEEP period]]; clause: FIXED "
    assert lines[6].startswith(both)


def test_the_version_is_cargos(raw: RawConnection) -> None:
    assert raw("RL.VERSION") == version().encode()
    major, minor, patch = (int(part) for part in version().split("."))
    [module] = [pairs(each) for each in plain(raw("MODULE", "LIST")) if "ratelimit" in each]
    assert module["ver"] == major * 10_000 + minor * 100 + patch

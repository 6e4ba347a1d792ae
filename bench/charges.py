"""Charges with an id: what a receipt costs, a repeat, a settle, and several keys at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench import callgrind, load, memory
from bench.figures import Line, Section
from bench.progress import say
from bench.rows import KEYS, PLENTY, begins, key
from bench.servers import Bench
from support.resp import RawConnection, Reply, encode
from support.server import Server

TITLE = "Charges with an id"

COMMANDS = {
    "RL.FIXED": ("RL.FIXED", PLENTY, "1h"),
    "RL.SLIDING": ("RL.SLIDING", PLENTY, "1h"),
    "RL.LOG": ("RL.LOG", PLENTY, "1h"),
    "RL.TOKEN": ("RL.TOKEN", PLENTY, "10", "1h"),
    "RL.LEAKY": ("RL.LEAKY", PLENTY, "10", "1h"),
    "RL.LIMIT": ("RL.LIMIT", "FIXED", PLENTY, "1h"),
}
"""Each command, and its words but for the key."""

FEW, MANY = 10, 1_000
"""Receipts at a key that is settled."""

TWO_KEYS = "RL.ALL, two keys"
RECEIPTS = {"a receipt of a window": "RL.FIXED", "a receipt of a bucket": "RL.TOKEN"}
"""The rows of what a receipt takes, and the command whose receipt it is."""

_CALLS = 10_000


def plain(command: str) -> str:
    """The row of a command without an id."""
    return f"{command}, allowed"


def named(command: str) -> str:
    """The row of a command with an id that is new each time."""
    return f"{command} ID, allowed"


def repeated(command: str) -> str:
    """The row of a command with an id that is known."""
    return f"{command} ID, repeated"


def settled(receipts: int) -> str:
    """The row of settles at keys with so many receipts."""
    return f"RL.SETTLE, {receipts:,} receipts"


def section(bench: Bench) -> Section:
    """All that is measured here: instructions, and the bytes of a receipt."""
    lines = []
    with bench.counted() as server:
        for command in COMMANDS:
            lines += _of_command(server, command)
        lines += [_settles(server, receipts) for receipts in (FEW, MANY)]
        lines.append(_two_keys(server))
    with bench.plain() as server:
        for name, command in RECEIPTS.items():
            lines.append(Line(name, "ours", bytes_per_entry=_bytes_per_receipt(server, command)))
    return Section(TITLE, lines)


def _of_command(server: Server, command: str) -> list[Line]:
    name, *rest = COMMANDS[command]

    def call(number: int, *ending: str) -> list[str]:
        return [name, key(number % KEYS), *rest, *ending]

    without = [call(number) for number in range(_CALLS)]
    with_id = [call(number, "ID", _id(number)) for number in range(_CALLS)]
    again = [call(number, "ID", _id(number % KEYS)) for number in range(_CALLS)]
    first = [call(number) for number in range(KEYS)] * 20
    known = [call(number, "ID", _id(number)) for number in range(KEYS)]
    charged = begins(1)
    return [
        _line(server, plain(command), first, without, charged),
        _line(server, named(command), first, with_id, charged),
        _line(server, repeated(command), first + known, again, charged),
    ]


def _settles(server: Server, receipts: int) -> Line:
    """Settles as less, each of another receipt of a bucket, from all over its key."""
    keys = _CALLS // receipts
    name, *rest = COMMANDS["RL.TOKEN"]
    charges, settles = [], []
    for number in range(keys):
        ids = range(receipts)
        at_key = (name, key(number), *rest, "COST", "3")
        charges += [[*at_key, "ID", _id(one), "KEEP", "1d"] for one in ids]
        # Neither in the order in which they were charged nor in the reverse.
        settles += [["RL.SETTLE", key(number), _id(one * 7 % receipts), "1"] for one in ids]
    return _line(server, settled(receipts), charges, settles, lambda reply: reply == 1)


def _two_keys(server: Server) -> Line:
    clause = COMMANDS["RL.LIMIT"][1:]

    def call(number: int) -> list[str]:
        other = key(number % KEYS + KEYS)
        return ["RL.ALL", key(number % KEYS), *clause, "AND", other, *clause]

    first = [call(number) for number in range(KEYS)] * 20
    return _line(server, TWO_KEYS, first, [call(one) for one in range(_CALLS)], begins(1))


def _line(
    server: Server,
    name: str,
    before: Sequence[Sequence[str]],
    calls: Sequence[Sequence[str]],
    right: Callable[[Reply], bool],
) -> Line:
    say(f"{name}: instructions ({TITLE.lower()})")
    with server.raw() as connection:
        connection("FLUSHALL")
        load.fill(server, (encode(list(call)) for call in before))
        connection("PING")
        instructions = callgrind.counted(server, lambda: _make(connection, calls, right))
    return Line(name, "ours", instructions / len(calls))


def _make(
    connection: RawConnection, calls: Sequence[Sequence[str]], right: Callable[[Reply], bool]
) -> None:
    reply = load.answer(connection, [encode(list(call)) for call in calls])
    if not right(reply):
        raise ValueError(f"{' '.join(calls[-1])} answered {reply!r}")


def _bytes_per_receipt(server: Server, command: str) -> float:
    """What memory grows by for each further receipt, an id of 16 bytes in each."""
    name, *rest = COMMANDS[command]
    with server.raw() as connection:
        connection("FLUSHALL")

    def calls(one: int) -> list[bytes]:
        ending = ("ID", _id(one), "KEEP", "1d")
        return [encode([name, key(number), *rest, *ending]) for number in range(KEYS // 10)]

    load.fill(server, iter(calls(0)))
    before = memory.settled(server)
    more = [call for one in range(1, MANY) for call in calls(one)]
    load.fill(server, iter(more))
    return (memory.settled(server) - before) / len(more)


def _id(number: int) -> str:
    """An id of sixteen bytes."""
    return f"{number:016d}"

"""What one limit answers: its five integers, to the millisecond, for each algorithm."""

from __future__ import annotations

import random

import pytest

from support.clock import START_MS, Clock
from support.resp import RawConnection
from support.server import Server
from support.verdicts import integers

pytestmark = pytest.mark.all_servers

MAX_ANSWER = 2**53 - 1
TRILLION = 10**12
YEAR_MS = 366 * 86_400_000

Story = list[tuple[int, str, list[int]]]
"""Milliseconds since the start, the command, and [allowed, limit, remaining, wait, reset]."""

STORIES: dict[str, Story] = {
    "a fixed window opens with its first request": [
        (300, "RL.FIXED k 3 10s", [1, 3, 2, 0, 10_000]),
        (1_300, "RL.FIXED k 3 10s", [1, 3, 1, 0, 9_000]),
        (1_300, "RL.FIXED k 3 10s COST 2", [0, 3, 1, 9_000, 9_000]),
        (1_300, "RL.FIXED k 3 10s COST 4", [0, 3, 1, -1, 9_000]),
        (2_000, "RL.FIXED k 3 10s", [1, 3, 0, 0, 8_300]),
        (2_000, "RL.FIXED k 3 10s COST 0", [1, 3, 0, 0, 8_300]),
        (10_299, "RL.FIXED k 3 10s", [0, 3, 0, 1, 1]),
        (10_300, "RL.FIXED k 3 10s COST 0", [1, 3, 3, 0, 0]),
        (10_400, "RL.FIXED k 3 10s COST 3", [1, 3, 0, 0, 10_000]),
        (20_399, "RL.FIXED k 3 10s COST 3", [0, 3, 0, 1, 1]),
        (20_400, "RL.FIXED k 3 10s COST 3", [1, 3, 0, 0, 10_000]),
    ],
    "a sliding window weighs the one before": [
        (0, "RL.SLIDING k 10 10s COST 10", [1, 10, 0, 0, 20_000]),
        (0, "RL.SLIDING k 10 10s", [0, 10, 0, 11_000, 20_000]),
        (0, "RL.SLIDING k 10 10s COST 11", [0, 10, 0, -1, 20_000]),
        (10_000, "RL.SLIDING k 10 10s", [0, 10, 0, 1_000, 10_000]),
        (10_999, "RL.SLIDING k 10 10s", [0, 10, 0, 1, 9_001]),
        (11_000, "RL.SLIDING k 10 10s", [1, 10, 0, 0, 19_000]),
        (15_000, "RL.SLIDING k 10 10s COST 4", [1, 10, 0, 0, 15_000]),
        (15_001, "RL.SLIDING k 10 10s", [0, 10, 0, 999, 14_999]),
        (15_999, "RL.SLIDING k 10 10s", [0, 10, 0, 1, 14_001]),
        (16_000, "RL.SLIDING k 10 10s", [1, 10, 0, 0, 14_000]),
        (25_000, "RL.SLIDING k 10 10s COST 7", [1, 10, 0, 0, 15_000]),
        (40_000, "RL.SLIDING k 10 10s COST 0", [1, 10, 10, 0, 0]),
    ],
    "a sliding window rounds what remains down": [
        (0, "RL.SLIDING k 10 10s COST 3", [1, 10, 7, 0, 20_000]),
        (10_001, "RL.SLIDING k 10 10s COST 0", [1, 10, 7, 0, 9_999]),
        (13_333, "RL.SLIDING k 10 10s COST 0", [1, 10, 7, 0, 6_667]),
        (13_334, "RL.SLIDING k 10 10s COST 0", [1, 10, 8, 0, 6_666]),
        (19_999, "RL.SLIDING k 10 10s COST 10", [0, 10, 9, 1, 1]),
        (20_000, "RL.SLIDING k 10 10s COST 10", [1, 10, 0, 0, 20_000]),
    ],
    "a sliding window may wait past the next one": [
        (9_000, "RL.SLIDING k 10 10s COST 10", [1, 10, 0, 0, 11_000]),
        (9_000, "RL.SLIDING k 10 10s COST 10", [0, 10, 0, 11_000, 11_000]),
        (19_999, "RL.SLIDING k 10 10s COST 10", [0, 10, 9, 1, 1]),
        (20_000, "RL.SLIDING k 10 10s COST 10", [1, 10, 0, 0, 20_000]),
    ],
    "a log remembers each request for a period": [
        (0, "RL.LOG k 3 10s", [1, 3, 2, 0, 10_000]),
        (4_000, "RL.LOG k 3 10s", [1, 3, 1, 0, 10_000]),
        (4_000, "RL.LOG k 3 10s", [1, 3, 0, 0, 10_000]),
        (5_000, "RL.LOG k 3 10s", [0, 3, 0, 5_000, 9_000]),
        (5_000, "RL.LOG k 3 10s COST 2", [0, 3, 0, 9_000, 9_000]),
        (5_000, "RL.LOG k 3 10s COST 4", [0, 3, 0, -1, 9_000]),
        (9_999, "RL.LOG k 3 10s", [0, 3, 0, 1, 4_001]),
        (10_000, "RL.LOG k 3 10s", [1, 3, 0, 0, 10_000]),
        (14_000, "RL.LOG k 3 10s COST 0", [1, 3, 2, 0, 6_000]),
        (19_999, "RL.LOG k 3 10s COST 3", [0, 3, 2, 1, 1]),
        (20_000, "RL.LOG k 3 10s COST 3", [1, 3, 0, 0, 10_000]),
    ],
    "a token bucket refills continuously": [
        (0, "RL.TOKEN k 10 1 1s COST 10", [1, 10, 0, 0, 10_000]),
        (0, "RL.TOKEN k 10 1 1s", [0, 10, 0, 1_000, 10_000]),
        (999, "RL.TOKEN k 10 1 1s", [0, 10, 0, 1, 9_001]),
        (1_000, "RL.TOKEN k 10 1 1s", [1, 10, 0, 0, 10_000]),
        (1_500, "RL.TOKEN k 10 1 1s COST 0", [1, 10, 0, 0, 9_500]),
        (3_500, "RL.TOKEN k 10 1 1s COST 3", [0, 10, 2, 500, 7_500]),
        (3_500, "RL.TOKEN k 10 1 1s COST 11", [0, 10, 2, -1, 7_500]),
        (3_999, "RL.TOKEN k 10 1 1s COST 3", [0, 10, 2, 1, 7_001]),
        (4_000, "RL.TOKEN k 10 1 1s COST 3", [1, 10, 0, 0, 10_000]),
        (14_000, "RL.TOKEN k 10 1 1s COST 0", [1, 10, 10, 0, 0]),
    ],
    "a token bucket keeps an exact fraction": [
        (0, "RL.TOKEN k 2 3 1s COST 2", [1, 2, 0, 0, 667]),
        (333, "RL.TOKEN k 2 3 1s", [0, 2, 0, 1, 334]),
        (334, "RL.TOKEN k 2 3 1s", [1, 2, 0, 0, 666]),
        (666, "RL.TOKEN k 2 3 1s", [0, 2, 0, 1, 334]),
        (667, "RL.TOKEN k 2 3 1s", [1, 2, 0, 0, 667]),
    ],
    "a leaky bucket tells how long to hold": [
        (0, "RL.LEAKY k 3 1 1s", [1, 3, 2, 0, 1_000]),
        (0, "RL.LEAKY k 3 1 1s", [1, 3, 1, 1_000, 2_000]),
        (0, "RL.LEAKY k 3 1 1s", [1, 3, 0, 2_000, 3_000]),
        (0, "RL.LEAKY k 3 1 1s", [0, 3, 0, 1_000, 3_000]),
        (0, "RL.LEAKY k 3 1 1s COST 4", [0, 3, 0, -1, 3_000]),
        (999, "RL.LEAKY k 3 1 1s", [0, 3, 0, 1, 2_001]),
        (1_000, "RL.LEAKY k 3 1 1s", [1, 3, 0, 2_000, 3_000]),
        (1_500, "RL.LEAKY k 3 1 1s COST 0", [1, 3, 0, 2_500, 2_500]),
        (3_999, "RL.LEAKY k 3 1 1s COST 3", [0, 3, 2, 1, 1]),
        (4_000, "RL.LEAKY k 3 1 1s COST 3", [1, 3, 0, 0, 3_000]),
    ],
    "a leaky bucket holds no shorter than exact": [
        (0, "RL.LEAKY k 3 3 1s", [1, 3, 2, 0, 334]),
        (0, "RL.LEAKY k 3 3 1s", [1, 3, 1, 334, 667]),
        (333, "RL.LEAKY k 3 3 1s", [1, 3, 0, 334, 667]),
    ],
}

ALGORITHMS = {
    "FIXED": "RL.FIXED k {} 10s",
    "SLIDING": "RL.SLIDING k {} 10s",
    "LOG": "RL.LOG k {} 10s",
    "TOKEN": "RL.TOKEN k {} 7 10s",
    "LEAKY": "RL.LEAKY k {} 7 10s",
}

every_algorithm = pytest.mark.parametrize("command", ALGORITHMS.values(), ids=ALGORITHMS)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_story(raw: RawConnection, clock: Clock, story: Story) -> None:
    for at_ms, command, expected in story:
        clock.set_ms(START_MS + at_ms)
        assert raw(*command.split()) == expected, f"{command} at {at_ms} ms"


@every_algorithm
def test_a_limit_of_0_denies_every_cost(raw: RawConnection, command: str) -> None:
    words = command.format(0).split()
    assert raw(*words) == [0, 0, 0, -1, 0]
    assert raw(*words, "COST", 7) == [0, 0, 0, -1, 0]
    assert raw(*words, "COST", 0) == [1, 0, 0, 0, 0]
    assert raw("DBSIZE") == 0


@every_algorithm
def test_a_cost_above_the_limit_never_passes(raw: RawConnection, command: str) -> None:
    words = command.format(5).split()
    assert raw(*words, "COST", 6) == [0, 5, 5, -1, 0]
    assert raw(*words, "COST", TRILLION) == [0, 5, 5, -1, 0]
    assert raw("DBSIZE") == 0


@every_algorithm
def test_cost_0_consumes_nothing(raw: RawConnection, command: str) -> None:
    words = command.format(5).split()
    assert raw(*words, "COST", 0) == [1, 5, 5, 0, 0]
    assert raw("EXISTS", "k") == 0
    reply = integers(raw(*words, "COST", 5))
    assert reply[:4] == [1, 5, 0, 0]
    before = raw("DUMP", "k"), raw("PTTL", "k")
    looked = raw(*words, "COST", 0)
    hold = reply[4] if "LEAKY" in command else 0
    assert looked == [1, 5, 0, hold, reply[4]]
    assert (raw("DUMP", "k"), raw("PTTL", "k")) == before


@every_algorithm
def test_words_are_case_insensitive(raw: RawConnection, command: str) -> None:
    name, *rest = command.format(9).split()
    for index, (name_as, cost_as) in enumerate(
        [(name, "COST"), (name.lower(), "cost"), (name.title(), "CoSt")], start=1
    ):
        reply = integers(raw(name_as, *rest, cost_as, 2))
        assert reply[:3] == [1, 9, 9 - 2 * index]


@pytest.mark.parametrize(
    ("period", "period_ms"),
    [
        ("1", 1_000),
        ("60", 60_000),
        ("1ms", 1),
        ("500ms", 500),
        ("10s", 10_000),
        ("1m", 60_000),
        ("1h", 3_600_000),
        ("1d", 86_400_000),
        ("1w", 604_800_000),
        ("366d", YEAR_MS),
        ("31622400", YEAR_MS),
        ("31622400000ms", YEAR_MS),
    ],
)
def test_a_period_has_a_suffix_or_is_in_seconds(
    raw: RawConnection, period: str, period_ms: int
) -> None:
    assert raw("RL.FIXED", "k", 1, period) == [1, 1, 0, 0, period_ms]
    assert raw("RL.PEEK", "k") == [[b"fixed", 1, 1, period_ms, 0, period_ms, period_ms]]


def test_the_largest_numbers(raw: RawConnection) -> None:
    for name in ("RL.FIXED", "RL.SLIDING"):
        assert raw(name, name, TRILLION, "1d", "COST", TRILLION - 1) == [
            *(1, TRILLION, 1, 0),
            86_400_000 * (2 if name == "RL.SLIDING" else 1),
        ]
        assert raw(name, name, TRILLION, "1d", "COST", 2) == [
            *(0, TRILLION, 1),
            86_400_000 + (1 if name == "RL.SLIDING" else 0),
            86_400_000 * (2 if name == "RL.SLIDING" else 1),
        ]
    million = 1_000_000
    assert raw("RL.LOG", "l", million, "1d", "COST", million) == [1, million, 0, 0, 86_400_000]
    assert raw("RL.LOG", "l", million, "1d") == [0, million, 0, 86_400_000, 86_400_000]


def test_no_answer_is_above_2_to_the_53_less_1(raw: RawConnection) -> None:
    slow = (TRILLION, 1, "366d")
    assert raw("RL.TOKEN", "t", *slow, "COST", TRILLION) == [1, TRILLION, 0, 0, MAX_ANSWER]
    assert raw("RL.TOKEN", "t", *slow) == [0, TRILLION, 0, YEAR_MS, MAX_ANSWER]
    whole = ("COST", TRILLION)
    assert raw("RL.TOKEN", "t", *slow, *whole) == [0, TRILLION, 0, MAX_ANSWER, MAX_ANSWER]
    all_but_one = ("COST", TRILLION - 1)
    assert raw("RL.LEAKY", "l", *slow, *all_but_one) == [1, TRILLION, 1, 0, MAX_ANSWER]
    assert raw("RL.LEAKY", "l", *slow) == [1, TRILLION, 0, MAX_ANSWER, MAX_ANSWER]
    below = MAX_ANSWER // YEAR_MS
    for capacity, reset_ms in ((below, below * YEAR_MS), (below + 1, MAX_ANSWER)):
        reply = raw("RL.TOKEN", f"t{capacity}", capacity, 1, "366d", "COST", capacity)
        assert reply == [1, capacity, 0, 0, reset_ms]
    assert raw("RL.PEEK", "t") == [
        [b"token", TRILLION, 1, YEAR_MS, 0, YEAR_MS, MAX_ANSWER],
    ]


def test_both_protocols_carry_the_same_bytes(server: Server) -> None:
    lines = [command for story in STORIES.values() for _, command, _ in story]
    lines += ["RL.PEEK k", "RL.PEEK none", "RL.LIMIT k LOG 1 1s LEAKY 9 1 1s COST 2", "RL.VERSION"]
    lines += ["RL.HELP", "CL.THROTTLE k 1 2 3", "RL.FIXED k x 1"]
    request = "".join(line + "\r\n" for line in [*lines, "PING"]).encode()
    answers = []
    for protocol in (2, 3):
        with server.raw() as raw:
            raw("FLUSHALL")
            raw("HELLO", protocol)
            raw.send(request)
            answers.append(wire_until_pong(raw))
    assert answers[0] == answers[1]
    assert answers[0].count(b"\r\n:") > 5 * len(STORIES)


def wire_until_pong(raw: RawConnection) -> bytes:
    """What the server writes, as it is, up to the answer to a PING."""
    lines: list[bytes] = []
    while not lines or lines[-1] != b"+PONG\r\n":
        lines.append(raw._file.readline())
    return b"".join(lines)


@every_algorithm
def test_wait_is_exact_from_any_state(raw: RawConnection, clock: Clock, command: str) -> None:
    rng = random.Random(command)
    denials = 0
    for _ in range(60):
        raw("FLUSHALL")
        limit = rng.choice([1, 2, 3, 7, 100, 10**6])
        name, key, _, *rest = command.split()
        if len(rest) == 2:
            rest[0] = str(rng.choice([1, 3, 7, 1_000, 999_983]))
        rest[-1] = f"{rng.choice([1, 2, 7, 1_000, 59_999, 86_400_000])}ms"
        now_ms = START_MS + rng.randrange(10**9)
        for _ in range(20):
            now_ms += rng.choice([0, 1, 5, 300, 12_345])
            clock.set_ms(now_ms)
            cost = rng.randint(1, max(1, limit // 2))
            words = [name, key, str(limit), *rest, "COST", str(cost)]
            reply = integers(raw(*words))
            wait_ms = reply[3]
            if reply[0] == 0 and wait_ms < 50 * YEAR_MS:
                denials += 1
                clock.set_ms(now_ms + wait_ms - 1)
                almost = integers(raw(*words))
                assert (almost[0], almost[3]) == (0, 1), f"{words} at {now_ms}, told {wait_ms}"
                now_ms += wait_ms
                clock.set_ms(now_ms)
                passed = integers(raw(*words))
                assert passed[0] == 1, f"{words} at {now_ms}, told {wait_ms}"
    assert denials > 100

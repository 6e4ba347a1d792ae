"""What is reported: every figure, in every form, against a slow count of our own."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from suite.tools.logs import START_MS, Hit, combined, text
from suite.tools.tool import TOOL, replay, run

PERIODS = {"1s": 1_000, "1m": 60_000, "1h": 3_600_000}
TENTHS = {"p50": 500, "p90": 900, "p95": 950, "p99": 990, "p99.9": 999, "max": 1_000}


def traffic(seed: int, count: int = 4_000, clients: int = 120) -> list[tuple[int, str]]:
    """Times in ms and clients, in order; some clients ask much more than others."""
    rng = random.Random(seed)
    weights = [1 / (place + 1) for place in range(clients)]
    times = sorted(rng.randrange(3 * 3_600_000) for _ in range(count))
    names = rng.choices([f"192.0.2.{n}" for n in range(clients)], weights, k=count)
    return list(zip(times, names, strict=True))


def log(hits: list[tuple[int, str]]) -> str:
    """JSON lines of them."""
    return text(json.dumps({"ts": START_MS + ms, "ip": ip}) for ms, ip in hits)


def peaks(hits: list[tuple[int, str]], period: int) -> dict[str, int]:
    """The most that each client asked for in one window, which its first request opens."""
    opened: dict[str, tuple[int, int]] = {}
    most: Counter[str] = Counter()
    for ms, ip in hits:
        start, used = opened.get(ip, (ms, 0))
        if ms >= start + period:
            start, used = ms, 0
        opened[ip] = (start, used + 1)
        most[ip] = max(most[ip], used + 1)
    return dict(most)


def percentile(values: list[int], tenths: int) -> int:
    """The smallest value that so many tenths of a percent do not exceed."""
    for value in sorted(values):
        if sum(v <= value for v in values) * 1_000 >= tenths * len(values):
            return value
    raise AssertionError("no values")


def test_peaks_are_those_of_windows_that_the_first_request_opens() -> None:
    hits = traffic(1)
    report = replay("-", "--limit", "5/minute", stdin=log(hits))
    for name, period in PERIODS.items():
        values = list(peaks(hits, period).values())
        assert report["peaks"][name] == {
            key: percentile(values, tenths) for key, tenths in TENTHS.items()
        }
    assert set(report["peaks"]) == set(PERIODS)


def test_peaks_of_costs_are_costs() -> None:
    rows = [{"ts": START_MS + n, "ip": "192.0.2.1", "units": n} for n in range(5)]
    rows.append({"ts": START_MS + 4, "ip": "192.0.2.1"})
    lines = text(map(json.dumps, rows))
    report = replay("-", "--limit", "5/minute", "--cost", "units", stdin=lines)
    assert report["peaks"]["1s"]["max"] == 11
    # 0 + 1 + 2 fit, 3 and 4 do not, and the one without a cost does.
    assert report["candidates"][0]["refused"] == 2


@pytest.mark.parametrize("cost", ["-1", "1.5", '"many"', "1000000000001"])
def test_a_cost_that_is_no_integer_is_a_line_that_cannot_be_read(cost: str) -> None:
    lines = f'{{"ts": 1, "ip": "x", "n": 1}}\n{{"ts": 1, "ip": "x", "n": {cost}}}\n'
    read = replay("-", "--limit", "5/minute", "--cost", "n", stdin=lines)["read"]
    assert (read["requests"], read["skipped"]) == (1, 1)


def test_the_worst_minute_and_who_is_refused_most() -> None:
    hits = sorted(
        [(0, "a")] * 3 + [(61_000, "b")] * 5 + [(119_999, "a")] * 4 + [(180_000, "c")] * 2
    )
    report = replay("-", "--limit", "1/second", "--limit", "100/second", stdin=log(hits))
    first, second = report["candidates"]
    assert first["worst_minute"] == {"at": "2023-11-23T00:01:00Z", "refused": 7}
    assert first["top"] == [
        {"key": "a", "requests": 7, "refused": 5},
        {"key": "b", "requests": 5, "refused": 4},
        {"key": "c", "requests": 2, "refused": 1},
    ]
    assert first["clients_refused"] == 3
    assert first["refused_share"] == 10 / 14
    assert second["worst_minute"] == {"at": None, "refused": 0}
    assert second["top"] == []


def test_top_is_as_long_as_asked() -> None:
    hits = [(0, f"{n}") for n in range(30)] * 2
    lines = log(hits)
    lengths = {
        len(replay("-", "--limit", "1/minute", *words, stdin=lines)["candidates"][0]["top"])
        for words in ([], ["--top", "20"])
    }
    assert lengths == {20}
    for top in (0, 3, 100):
        words = ["--limit", "1/minute", "--top", str(top)]
        assert len(replay("-", *words, stdin=lines)["candidates"][0]["top"]) == min(top, 30)


def test_who_would_have_passed_by_waiting_a_second() -> None:
    # The window of 10 s ends 1,000 ms after the second, 999 after the third, 5 s after the last.
    hits = [(0, "a"), (9_000, "a"), (9_001, "a"), (5_000, "b"), (10_000, "b")]
    report = replay("-", "--limit", "1 per 10s", "--limit", "0/second", stdin=log(sorted(hits)))
    assert [c["refused"] for c in report["candidates"]] == [3, 5]
    assert [c["passed_within_1s"] for c in report["candidates"]] == [2, 0]


@pytest.mark.parametrize("share", ["0%", "1%", "2.5%", "10%", "100%"])
def test_a_suggested_limit_is_the_smallest_that_refuses_so_few(share: str) -> None:
    lines = log(traffic(2))
    report = replay(
        "-",
        "--limit",
        "5/minute; 3 per 10s",
        "--limit",
        "token 9/hour",
        "--suggest",
        share,
        stdin=lines,
    )
    assert [row["period"] for row in report["suggest"]] == ["10s", "1m", "1h"]
    clients = report["read"]["clients"]
    most = float(share.rstrip("%")) / 100 * clients
    for row in report["suggest"]:
        limits = [row["limit"]]
        if row["n"] > 0:
            limits.append(row["limit"].replace(str(row["n"]), str(row["n"] - 1), 1))
        words = [word for limit in limits for word in ("--limit", limit)]
        tried = replay("-", *words, stdin=lines)["candidates"]
        assert tried[0]["clients_refused"] == row["clients_refused"] <= most
        if row["n"] > 0:
            assert tried[1]["clients_refused"] > most


def test_without_suggest_nothing_is_suggested() -> None:
    assert replay("-", "--limit", "5/minute", stdin=log([(0, "a")]))["suggest"] == []


def test_the_object_has_these_fields_and_no_others() -> None:
    report = replay("-", "--limit", "1/minute", "--suggest", "1%", stdin=log([(0, "a")] * 2))
    assert list(report) == ["read", "peaks", "candidates", "suggest"]
    assert list(report["read"]) == ["lines", "skipped", "requests", "clients", "from", "to"]
    assert list(report["candidates"][0]) == [
        "limit",
        "clauses",
        "refused",
        "refused_share",
        "clients_refused",
        "worst_minute",
        "passed_within_1s",
        "policy",
        "top",
    ]


def test_conditions_that_nothing_meets_leave_an_empty_report() -> None:
    report = replay("-", "--limit", "1/minute", "--where", "ip=b", stdin=log([(0, "a")]))
    assert report["read"] == {
        "lines": 1,
        "skipped": 0,
        "requests": 0,
        "clients": 0,
        "from": None,
        "to": None,
    }
    assert report["candidates"][0]["refused_share"] == 0
    printed = run("replay", "-", "--limit", "1/minute", "--where", "ip=b", stdin=log([(0, "a")]))
    assert printed.returncode == 0


CONDITIONS = [
    ("status=200", 3),
    ("status!=200", 1),
    ("status<300", 3),
    ("status<=200", 3),
    ("status>200", 1),
    ("status>=200", 4),
    ("path~^/a", 2),
    ("path~b$", 2),
    ("user=ann", 1),
    ("user!=ann", 3),
    ("user=-", 2),
    ("user!=-", 2),
    ("user~n", 1),
    ("ip=192.0.2.0/31", 2),
    ("ip!=192.0.2.0/31", 2),
    ("ip=2001:db8::1", 1),
    ("bytes>9.5", 4),
    ("query=x=1&y=2", 1),
    ("referer~shop", 1),
    ("agent~(?i)CURL", 4),
    ("method=POST", 1),
    ("time>0", 0),
]


@pytest.mark.parametrize(("condition", "count"), CONDITIONS)
def test_conditions_choose_requests(condition: str, count: int) -> None:
    hits = [
        Hit(ip="192.0.2.0", path="/a", user="ann"),
        Hit(ip="192.0.2.1", path="/a?x=1&y=2", referer="https://shop.example/"),
        Hit(ip="192.0.2.2", path="/b", user="bob"),
        Hit(ip="2001:db8::1", path="/bb", status=404, method="POST"),
    ]
    report = replay(
        "-", "--limit", "1/minute", "--where", condition, stdin=text(map(combined, hits))
    )
    assert report["read"]["requests"] == count


def test_several_conditions_must_all_hold() -> None:
    lines = text(json.dumps({"ts": n, "ip": "x", "a": {"b": n}, "a.c": n % 2}) for n in range(10))
    words = ["--where", "a.b>=4", "--where", "a.c=1", "--where", "a.b!=9"]
    assert replay("-", "--limit", "1/minute", *words, stdin=lines)["read"]["requests"] == 2


def test_a_request_without_its_key_is_skipped() -> None:
    lines = text([combined(Hit(user="ann")), combined(Hit())])
    report = replay("-", "--limit", "0/minute", "--key", "user", stdin=lines)
    assert (report["read"]["requests"], report["read"]["skipped"]) == (1, 1)
    assert report["candidates"][0]["top"][0]["key"] == "ann"


@pytest.mark.parametrize(
    ("prefix", "keys"),
    [
        (64, {"2001:db8:1:2::/64", "2001:db8:1:3::/64", "192.0.2.1"}),
        (48, {"2001:db8:1::/48", "192.0.2.1"}),
        (63, {"2001:db8:1:2::/63", "192.0.2.1"}),
        (128, {"2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:3::1", "192.0.2.1"}),
    ],
)
def test_ipv6_clients_are_prefixes(prefix: int, keys: set[str]) -> None:
    ips = [
        "2001:db8:1:2::1",
        "2001:DB8:1:2:0::2",
        "[2001:db8:1:3::1]:443",
        "::ffff:192.0.2.1",
        "192.0.2.1",
    ]
    lines = text(json.dumps({"ts": 1, "ip": ip}) for ip in ips)
    report = replay("-", "--limit", "0/minute", "--ipv6-prefix", str(prefix), stdin=lines)
    assert {row["key"] for row in report["candidates"][0]["top"]} == keys


def test_the_text_tells_all_in_order() -> None:
    hits = traffic(3)
    done = run("replay", "-", "--limit", "5/minute", "--suggest", "1%", stdin=log(hits))
    report = replay("-", "--limit", "5/minute", "--suggest", "1%", stdin=log(hits))
    (candidate,) = report["candidates"]
    parts = [
        "Read 4,000 lines",
        "How fast clients are",
        f"refuses {candidate['refused']:,} of 4,000",
        f"worst minute: {candidate['worst_minute']['at']}",
        "would have passed by waiting a second",
        "refused most",
        candidate["top"][0]["key"],
        candidate["policy"],
        "smallest limits",
        report["suggest"][0]["limit"],
        "first estimate",
    ]
    places = [done.stdout.index(part) for part in parts]
    assert places == sorted(places)
    assert done.stderr == ""


def test_nothing_but_text_goes_into_a_pipe() -> None:
    hits = [Hit(agent="\x1b[2Jevil\u202e\x9b", path=f"/{n}") for n in range(3)]
    done = run("replay", "-", "--limit", "1/minute", stdin=text(map(combined, hits)))
    assert done.returncode == 0
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stdout) is None
    assert "[2Jevil" in done.stdout
    assert "/1 /2" in done.stdout
    assert done.stderr == ""


def on_terminal(columns: int, *words: str, **environment: str) -> str:
    """What a terminal of that width is sent."""
    command = " ".join([f"stty rows 24 cols {columns};", f"'{TOOL}'", *words])
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        capture_output=True,
        check=True,
        timeout=60,
        env={**os.environ, "TERM": "xterm-256color", **environment},
    )
    return done.stdout.decode()


def test_a_terminal_is_shown_progress_and_no_control_characters_of_the_log(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    hits = [Hit(ms=n, agent="\x1b]0;title\x07" + "long " * 30, path=f"/{n}" * 9) for n in range(9)]
    file.write_text(text(map(combined, hits)) * 2_000)
    sent = on_terminal(80, "replay", str(file), "--limit", "1/minute")
    assert "\x1b]0" not in sent
    assert "\x07" not in sent
    report = sent[sent.index("Read 18,000 lines") :]
    table = report[report.index("refused most") : report.index("RL.POLICY")]
    assert max(len(line) for line in table.splitlines()) <= 80


def test_csv_has_everybody_who_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "refused.csv"
    hits = [Hit(ip=f"192.0.2.{n}", agent='=cmd|"x",1', path="/a,b") for n in range(40)]
    replay(
        "-",
        "--limit",
        "1/minute",
        "--limit",
        "0/hour",
        "--top",
        "2",
        "--csv",
        file,
        stdin=text(map(combined, hits * 2)).replace('=cmd|"x"', '=cmd|\\"x\\"'),
    )
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert Counter(row["limit"] for row in rows) == {"1/minute": 40, "0/hour": 40}
    assert rows[0] == {
        "limit": "1/minute",
        "key": "192.0.2.0",
        "requests": "2",
        "refused": "1",
        "agent": '\'=cmd|"x",1',
        "path_1": "/a,b",
        "path_2": "",
    }


def test_a_policy_line_is_one_that_the_helpers_words_make() -> None:
    report = replay("-", "--limit", "5/minute; token 2/s burst 9", stdin=log([(0, "a")]))
    assert report["candidates"][0]["policy"] == "RL.POLICY SET api FIXED 5 1m TOKEN 9 2 1s"

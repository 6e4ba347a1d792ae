"""Lines out of order are sorted within a minute; those of one millisecond keep their order."""

from __future__ import annotations

import json
from pathlib import Path

from suite.tools.logs import START_MS, Hit, combined, text
from suite.tools.tool import refused, replay


def lines(*hits: tuple[int, str]) -> str:
    """JSON lines of times, in ms, and clients."""
    return text(json.dumps({"ts": START_MS + ms, "ip": ip}) for ms, ip in hits)


def test_lines_are_sorted_within_a_minute() -> None:
    log = lines((60_000, "a"), (0, "b"), (1_000, "b"), (500, "b"), (59_000, "a"), (60_000, "a"))
    report = replay("-", "--limit", "2 per 1s", stdin=log)
    assert report["read"]["skipped"] == 0
    assert report["read"]["from"] == "2023-11-23T00:00:00Z"
    # In order, the windows of b are 0 to 999 and 1,000 on; those of a 59,000 and 60,000 on.
    assert refused(report) == {}
    assert report["peaks"]["1s"]["max"] == 2
    assert refused(replay("-", "--limit", "1 per 1s", stdin=log)) == {"a": 1, "b": 1}


def test_a_line_that_is_later_than_a_minute_is_skipped() -> None:
    exact = replay("-", "--limit", "0/minute", stdin=lines((60_000, "a"), (0, "b")))
    assert refused(exact) == {"a": 1, "b": 1}
    late = replay("-", "--limit", "0/minute", stdin=lines((60_001, "a"), (0, "b"), (60_001, "b")))
    assert late["read"] == {
        "lines": 3,
        "skipped": 1,
        "requests": 2,
        "clients": 2,
        "from": "2023-11-23T00:01:00.001Z",
        "to": "2023-11-23T00:01:00.001Z",
    }


def test_lines_of_one_millisecond_keep_their_order() -> None:
    """Only the first passes, so who is refused tells the order."""
    rows = [{"ts": START_MS, "shop": "one", "ip": f"{n}", "n": n} for n in range(50)]
    log = text(json.dumps(row) for row in rows)
    report = replay("-", "--limit", "10/minute", "--key", "shop", "--cost", "n", stdin=log)
    # 0 + 1 + 2 + 3 + 4 = 10; in another order another number would fit.
    assert refused(report) == {"one": 45}


def test_a_time_with_seconds_only_is_its_first_millisecond() -> None:
    log = text([combined(Hit(ms=0)), combined(Hit(ms=999)), combined(Hit(ms=1_000))])
    report = replay("-", "--limit", "2/second", stdin=log)
    assert report["read"]["to"] == "2023-11-23T00:00:01Z"
    assert report["candidates"][0]["refused"] == 0
    assert report["peaks"]["1s"]["max"] == 2


def test_logs_of_one_time_are_read_in_the_order_given(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(text([json.dumps({"ts": START_MS, "ip": "x", "n": 7})]))
    second.write_text(text([json.dumps({"ts": START_MS, "ip": "x", "n": 5})] * 2))
    words = ["--limit", "10/minute", "--cost", "n"]
    assert replay(first, second, *words)["candidates"][0]["refused"] == 2
    assert replay(second, first, *words)["candidates"][0]["refused"] == 1

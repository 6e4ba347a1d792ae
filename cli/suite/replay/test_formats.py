"""Logs in every format: recognized, read, and their bad lines counted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from suite.tools.logs import Hit, alb, combined, common, envoy, text
from suite.tools.tool import refused, replay, run

HITS = [
    Hit(ms=1_000 * second, ip=ip, path=f"/items/{second}?page=2", agent='Moz "quoted" \\ 5')
    for second in range(10)
    for ip in ["192.0.2.1", "192.0.2.2", "2001:db8::7", "2001:db8::8"][: 1 + second % 4]
]


def quoted(hit: Hit) -> Hit:
    """The same with its agent escaped, as servers do."""
    agent = hit.agent.replace("\\", "\\\\").replace('"', '\\"')
    return Hit(**{**hit.__dict__, "agent": agent})


def nginx_json(hit: Hit) -> str:
    """JSON as people configure nginx to write it: all values are text."""
    return json.dumps(
        {
            "time_iso8601": hit.iso,
            "remote_addr": hit.ip,
            "request": f"GET {hit.path} HTTP/1.1",
            "status": str(hit.status),
            "body_bytes_sent": "10",
            "http_user_agent": hit.agent,
        }
    )


def caddy(hit: Hit) -> str:
    """JSON as Caddy writes it."""
    return json.dumps(
        {
            "level": "info",
            "ts": hit.at.timestamp() + hit.ms % 1000 / 1000,
            "status": hit.status,
            "request": {
                "client_ip": hit.ip,
                "method": "GET",
                "uri": hit.path,
                "headers": {"User-Agent": [hit.agent]},
            },
            "size": hit.bytes,
            "duration": 0.001,
        }
    )


WRITERS: dict[str, tuple[str, Callable[[Hit], str]]] = {
    "combined": ("combined", lambda hit: combined(quoted(hit))),
    "common": ("common", common),
    "alb": ("alb", lambda hit: alb(quoted(hit))),
    "envoy": ("envoy", lambda hit: envoy(quoted(hit))),
    "nginx": ("json", nginx_json),
    "caddy": ("json", caddy),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("is_named", [True, False])
def test_each_format_is_read_and_recognized(name: str, is_named: bool) -> None:
    option, write = WRITERS[name]
    words = ["--format", option] if is_named else []
    report = replay("-", "--limit", "5/minute", *words, stdin=text(map(write, HITS)))
    assert report["read"] == {
        "lines": len(HITS),
        "skipped": 0,
        "requests": len(HITS),
        "clients": 3,
        "from": "2023-11-23T00:00:00Z",
        "to": "2023-11-23T00:00:09Z",
    }
    # Both IPv6 addresses are one client.
    assert refused(report) == {"192.0.2.1": 5, "192.0.2.2": 2, "2001:db8::/64": 1}


@pytest.mark.parametrize("name", WRITERS)
def test_every_field_of_each_format_has_the_name_that_conditions_use(name: str) -> None:
    option, write = WRITERS[name]
    log = text(map(write, HITS))
    conditions = [
        "ip=192.0.2.1",
        "method=GET",
        "path=/items/3",
        "query=page=2",
        "status=200",
        "bytes=10",
    ]
    if option != "common":
        conditions.append('agent=Moz "quoted" \\ 5')
    words = [word for condition in conditions for word in ("--where", condition)]
    report = replay("-", "--limit", "5/minute", *words, stdin=log)
    assert report["read"]["requests"] == 1


def test_gzip_is_unpacked_whatever_the_name(tmp_path: Path) -> None:
    packed = gzip.compress(text(map(combined, HITS[:8])).encode())
    # Two members, as logrotate's cat makes them.
    packed += gzip.compress(text(map(combined, HITS[8:])).encode())
    named, unnamed = tmp_path / "access.log.2.gz", tmp_path / "access.log"
    named.write_bytes(packed)
    unnamed.write_bytes(packed)
    for source in (named, unnamed):
        assert replay(source, "--limit", "5/minute")["read"]["requests"] == len(HITS)
    report = replay("-", "--limit", "5/minute", stdin=packed)
    assert report["read"]["requests"] == len(HITS)


def test_a_gzip_file_that_is_cut_off_could_not_be_read(tmp_path: Path) -> None:
    log = tmp_path / "access.log.gz"
    log.write_bytes(gzip.compress(text(map(combined, HITS)).encode())[:-20])
    done = run("replay", log, "--limit", "5/minute")
    assert done.returncode == 1
    assert "access.log.gz" in done.stderr


def test_several_logs_are_one_traffic_in_any_order_and_format(tmp_path: Path) -> None:
    """Days that follow one another, given newest first, and a server beside another."""
    days = [
        [Hit(ms=day * 86_400_000 + second * 1_000) for second in range(0, 20, 2)]
        for day in range(3)
    ]
    beside = [Hit(ms=second * 1_000 + 500) for second in range(0, 20, 2)]
    logs = []
    for name, hits, write in [
        ("day3", days[2], combined),
        ("day1", days[0], common),
        ("day2", days[1], alb),
        ("beside", beside, envoy),
    ]:
        log = tmp_path / name
        log.write_text(text(map(write, hits)))
        logs.append(log)
    report = replay(*logs, "--limit", "15/minute")
    assert report["read"]["requests"] == 40
    assert report["read"]["skipped"] == 0
    assert report["read"]["from"] == "2023-11-23T00:00:00Z"
    assert report["read"]["to"] == "2023-11-25T00:00:18Z"
    assert report["candidates"][0]["refused"] == 5
    assert report["peaks"]["1m"]["max"] == 20


def test_bad_lines_are_skipped_counted_and_the_first_three_shown() -> None:
    lines = [combined(hit) for hit in HITS]
    bad = ["one", "", "two \x1b[31mred\x07", "three", 'four - - [nonsense] "GET / HTTP/1.1" 200 5']
    log = text([lines[0], *bad, *lines[1:]])
    assert replay("-", "--limit", "5/minute", stdin=log)["read"] == {
        "lines": len(HITS) + 5,
        "skipped": 5,
        "requests": len(HITS),
        "clients": 3,
        "from": "2023-11-23T00:00:00Z",
        "to": "2023-11-23T00:00:09Z",
    }
    printed = run("replay", "-", "--limit", "5/minute", stdin=log).stdout
    assert "Skipped 5 lines" in printed
    assert "line 2:" in printed
    assert "line 3:" in printed
    assert "two [31mred" in printed
    assert "three" not in printed
    assert "\x1b" not in printed
    assert "\x07" not in printed


@pytest.mark.parametrize("log", ["", "\n", "nothing\nof\nany kind\n", "[1]\n", '{"a": 1}\n'])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_nothing_readable_is_exit_1_and_why(log: str, form: list[str]) -> None:
    done = run("replay", "-", "--limit", "5/minute", *form, stdin=log)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "empty" in done.stderr or "line 1" in done.stderr


def test_lines_of_any_bytes_and_any_length_are_survived() -> None:
    good = combined(Hit(path="/\udcff\udcfe")).encode(errors="surrogateescape")
    huge = b"x" * 3_000_000
    log = b"\xef\xbb\xbf" + good + b"\r\n" + huge + b"\n" + bytes(range(256)) + b"\n" + good
    report = replay("-", "--limit", "1/minute", stdin=log)
    # One of the 256 bytes is a line break.
    assert report["read"]["lines"] == 5
    assert report["read"]["skipped"] == 3
    assert report["candidates"][0]["refused"] == 1


def test_an_envoy_behind_proxies_names_the_last_address_that_is_not_theirs() -> None:
    hits = [Hit(ip="203.0.113.9, 198.51.100.7, 10.0.0.3"), Hit(ip="10.1.2.3"), Hit(ip="-")]
    report = replay("-", "--limit", "0/minute", stdin=text(map(envoy, hits)))
    assert refused(report) == {"198.51.100.7": 1, "10.1.2.3": 1}
    assert report["read"]["skipped"] == 1


def test_garbage_of_scanners_is_a_request_without_a_path() -> None:
    line = combined(Hit(status=400)).replace("GET / HTTP/1.1", "\\x16\\x03\\x01")
    report = replay("-", "--limit", "0/minute", "--where", "path!=/x", stdin=line + "\n")
    assert report["read"]["requests"] == 1

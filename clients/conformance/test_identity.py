"""Who is charged, whatever a client writes into its headers."""

from __future__ import annotations

import pytest

from conformance.tools.apps import App
from conformance.tools.keyspace import keys
from conformance.tools.monitor import Monitor
from conformance.tools.wire import everything
from support.server import Server

SCOPE = "rl:GET%20%2Fuser_data"
IP, USER = f"{SCOPE}:ip:127.0.0.1", f"{SCOPE}:user:user123"

NOBODY = [
    "", "Bearer", "Bearer ", "user123_token", "Basic user123_token", "Basic dXNlcjEyMzp4",
    "Bearer user123", "Bearer user123_token2", "Bearer xuser123_token", "Bearer USER123_TOKEN",
    "Bearer user123_token extra", "Bearer user123_token,Bearer x", "Bearer _token",
    "Bearer a:b:c_token",
    "Bearer {x}_token", "Bearer {user123}_token", "Bearer 127.0.0.1_token", "Bearer *",
    "Bearer ' OR 1=1",
    "Bearer user456_token", "Bearer user123%5Ftoken", "Bearer \xfc\xff\xfe",
    "Bearer \xe2\x82\xac_token",
    "Bearer " + "x" * 10_000, "Bearer " + "{:" * 2_000 + "_token", "Bearer \t\x20",
    "Bearer\tuser123_token\tx",
    "Digest username=\"user123\"", "Bearer=user123_token", "BearerX user123_token",
]  # fmt: skip


@pytest.mark.parametrize("value", NOBODY)
def test_a_stranger_is_an_address(app: App, server: Server, monitor: Monitor, value: str) -> None:
    answer = app.get("/user_data", f"Authorization: {value}")
    assert answer.status == 200, answer.body
    assert [words[1] for words in monitor.commands()] == [IP]
    assert keys(server) == [IP]


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer user123_token", "authorization: Bearer user123_token",
        "AUTHORIZATION:Bearer user123_token", "Authorization:   Bearer user123_token  ",
        "Authorization: bearer user123_token", "Authorization: BEARER user123_token",
    ],
)  # fmt: skip
def test_a_user_is_known_however_the_header_is_written(app: App, server: Server, line: str) -> None:
    assert app.get("/user_data", line).status == 200
    assert keys(server) == [USER]


def test_the_paid_token_is_no_user_of_user_data(app: App, server: Server) -> None:
    app.get("/user_data", "Authorization: Bearer paid_token")
    assert keys(server) == [IP]


@pytest.mark.parametrize(
    "lines",
    [
        ["Authorization: Bearer user123_token", "Authorization: Bearer other"],
        ["Authorization: Bearer other", "Authorization: Bearer user123_token"],
        ["Authorization: Basic x", "Authorization: Basic y"],
    ],
)
def test_of_two_authorizations_one_at_most_counts(
    app: App, server: Server, monitor: Monitor, lines: list[str]
) -> None:
    answer = app.get("/user_data", *lines)
    assert answer.status in (200, 400)
    assert len(monitor.commands()) == (answer.status == 200)
    assert set(keys(server)) <= {IP, USER}


@pytest.mark.parametrize("value", [b"Bearer a\0b", b"Bearer user123_token\0"])
def test_a_nul_is_refused_or_a_stranger(app: App, server: Server, value: bytes) -> None:
    request = (
        b"GET /user_data HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: %b\r\n\r\n"
    )
    line = everything(app.port, request % value).split(b"\r\n")[0]
    assert line.split()[1] in (b"200", b"400"), line
    assert keys(server) == ([IP] if b"200" in line else [])


@pytest.mark.parametrize(
    "name",
    [
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
        "X_Forwarded_For",
        "Client-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
    ],
)
@pytest.mark.parametrize("value", ["203.0.113.9", "for=203.0.113.9", "127.0.0.1, 203.0.113.9"])
def test_no_header_names_a_client_to_who_trusts_no_proxy(
    app: App, server: Server, name: str, value: str
) -> None:
    assert app.get("/items", f"{name}: {value}").status == 200
    assert keys(server) == ["rl:GET%20%2Fitems:ip:127.0.0.1"]


LONG = ", ".join(["198.51.100.1"] * 800)

WALKS = [
    ([], "127.0.0.1"),
    (["203.0.113.9"], "203.0.113.9"),
    (["1.2.3.4, 203.0.113.9"], "203.0.113.9"),
    (["1.2.3.4,203.0.113.9,10.1.2.3"], "203.0.113.9"),
    (["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
    (["203.0.113.9", "10.0.0.1"], "203.0.113.9"),
    (["203.0.113.9", "10.0.0.1, 10.0.0.2"], "203.0.113.9"),
    (["127.0.0.1"], "127.0.0.1"),
    (["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
    (["10.0.0.7", "127.0.0.1", "10.0.0.9"], "10.0.0.7"),
    ([" \t203.0.113.9\t "], "203.0.113.9"),
    (["203.0.113.9:4711"], "203.0.113.9"),
    (["10.0.0.5:80"], "10.0.0.5"),
    (["1.2.3.4, 10.0.0.5:80"], "1.2.3.4"),
    (["2001:db8:1:2:3:4:5:6"], "2001%3Adb8%3A1%3A2%3A%3A%2F64"),
    (["2001:DB8:1:2::"], "2001%3Adb8%3A1%3A2%3A%3A%2F64"),
    (["[2001:db8:1:2::1]"], "2001%3Adb8%3A1%3A2%3A%3A%2F64"),
    (["[2001:db8:1:2::1]:443"], "2001%3Adb8%3A1%3A2%3A%3A%2F64"),
    (["2001:db8::1, fd00::5"], "2001%3Adb8%3A%3A%2F64"),
    (["2001:db8::1, [fd00::5]:80"], "2001%3Adb8%3A%3A%2F64"),
    (["fe80::1%eth0"], "fe80%3A%3A%2F64"),
    (["::ffff:203.0.113.9"], "203.0.113.9"),
    (["::ffff:cb00:7109"], "203.0.113.9"),
    (["0:0:0:0:0:FFFF:203.0.113.9"], "203.0.113.9"),
    (["[::ffff:203.0.113.9]:5"], "203.0.113.9"),
    (["203.0.113.9, ::ffff:10.0.0.1"], "203.0.113.9"),
    (["203.0.113.9, ::ffff:a00:1"], "203.0.113.9"),
    (["::1"], "%3A%3A%2F64"),
    # What is no address ends the walk at the hop that told of it.
    (["unknown"], "127.0.0.1"),
    (["203.0.113.9, unknown"], "127.0.0.1"),
    (["203.0.113.9, unknown, 10.0.0.1"], "10.0.0.1"),
    (["203.0.113.9,,10.0.0.1"], "10.0.0.1"),
    (["203.0.113.9,"], "127.0.0.1"),
    (["203.0.113.9", ""], "127.0.0.1"),
    ([""], "127.0.0.1"),
    ([","], "127.0.0.1"),
    (["203.0.113.9 10.0.0.1"], "127.0.0.1"),
    (["203.0.113.09"], "127.0.0.1"),
    (["203.0.113"], "127.0.0.1"),
    (["203.0.113.9.1"], "127.0.0.1"),
    (["203.0.113.256"], "127.0.0.1"),
    (["0xcb.0.113.9"], "127.0.0.1"),
    (["3405803785"], "127.0.0.1"),
    (["203.0.113.9/32"], "127.0.0.1"),
    (["for=203.0.113.9"], "127.0.0.1"),
    (['"203.0.113.9"'], "127.0.0.1"),
    (["[203.0.113.9"], "127.0.0.1"),
    (["203.0.113.9]"], "127.0.0.1"),
    (["2001:db8::1::2"], "127.0.0.1"),
    (["{x}:y:z"], "127.0.0.1"),
    (["rl:login:ip:9.9.9.9"], "127.0.0.1"),
    (["\xff\xfe"], "127.0.0.1"),
    (["203.0.113.9, \xe9"], "127.0.0.1"),
    (["203.0.113.9\xa0"], "127.0.0.1"),
    (["203.0.113.9\x85"], "127.0.0.1"),
    (["\xa0203.0.113.9, 10.0.0.2"], "10.0.0.2"),
    (["\xb2.3.4.5"], "127.0.0.1"),
    ([LONG], "198.51.100.1"),
    (["x" * 10_000], "127.0.0.1"),
    (["9.9.9.9, " * 20 + "203.0.113.9"], "203.0.113.9"),
]


@pytest.mark.parametrize(("lines", "subject"), WALKS, ids=lambda value: repr(value)[:50])
def test_the_walk_ends_at_the_first_hop_that_is_not_trusted(
    proxied: App, server: Server, monitor: Monitor, lines: list[str], subject: str
) -> None:
    answer = proxied.post("/login", *[f"X-Forwarded-For: {line}" for line in lines])
    assert answer.status == 200, answer.body
    assert keys(server) == [f"rl:login:ip:{subject}"]
    assert len(monitor.commands()) == 1


def test_a_forged_leftmost_address_buys_nothing(proxied: App) -> None:
    answers = [
        proxied.post("/login", f"X-Forwarded-For: 192.0.2.{n}, 203.0.113.9").status
        for n in range(6)
    ]
    assert answers == [200] * 5 + [429]


def test_who_trusts_proxies_reads_no_other_header(proxied: App, server: Server) -> None:
    proxied.post("/login", "Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9")
    assert keys(server) == ["rl:login:ip:127.0.0.1"]


def test_a_nul_in_the_chain_is_refused_or_ends_the_walk(proxied: App, server: Server) -> None:
    head = b"GET /items HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    chain = b"X-Forwarded-For: 203.0.113.9\0\r\n\r\n"
    line = everything(proxied.port, head + chain).split(b"\r\n")[0]
    assert line.split()[1] in (b"200", b"400"), line
    assert keys(server) == (["rl:GET%20%2Fitems:ip:127.0.0.1"] if b"200" in line else [])

"""Write a day of a shop's access log, in the combined format: the same one each time.

    sample_log.py FILE

There are some 4,000 visitors, and five who stand out:

- a crawler, which reads the catalogue day and night from three addresses;
- a stuffing attack, which tries passwords from 60 addresses for half an hour of the night;
- an office, in which some 40 people shop from one address;
- a scraper, which copies all prices as fast as it can, from one IPv6 network;
- a good customer, who orders by a program and is the busiest of all.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

DAY = datetime(2026, 3, 17, tzinfo=UTC)
HOUR = 3_600

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/145.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_2 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_3) AppleWebKit/605.1.15 Safari/605.1.15",
)
CRAWLER = "Mozilla/5.0 (compatible; ExampleBot/2.1; +https://bot.example/about)"
STUFFER = "python-requests/2.32.3"
SCRAPER = "Mozilla/5.0 (Windows NT 6.1) AppleWebKit/537.36 Chrome/49.0.2623.112 Safari/537.36"
CUSTOMER = "acme-trading-orders/3.4 (it@acme.example)"

VISITORS = 4_000
# How busy each hour is: a quiet night, a lunch break, a busy evening.
HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 11, 12, 14, 12, 11, 11, 12, 13, 15, 18, 20, 17, 10, 5)


@dataclass(frozen=True)
class Hit:
    """A request: the second of the day, and what a line says of it."""

    second: float
    ip: str
    request: str
    status: int
    size: int
    agent: str
    referer: str = "-"
    user: str = "-"

    def line(self) -> str:
        """It in the combined format."""
        at = datetime.fromtimestamp(DAY.timestamp() + int(self.second), UTC)
        return (
            f"{self.ip} - {self.user} [{at:%d/%b/%Y:%H:%M:%S +0000}] "
            f'"{self.request} HTTP/1.1" {self.status} {self.size} "{self.referer}" "{self.agent}"'
        )


def visit(rng: random.Random, ip: str, start: float) -> Iterator[Hit]:
    """A person who looks at some pages, each with its data, and may buy."""
    agent = rng.choice(BROWSERS)
    now = start
    for _ in range(rng.choice((1, 2, 3, 4, 6, 9, 14))):
        item = rng.randrange(2_000)
        page = f"https://shop.example/items/{item}"
        yield Hit(now, ip, f"GET /items/{item}", 200, rng.randrange(8_000, 30_000), agent)
        for part in ("stock", "reviews", "similar")[: rng.randrange(1, 4)]:
            path = f"GET /api/{part}?item={item}"
            yield Hit(
                now + rng.uniform(0.1, 1.5), ip, path, 200, rng.randrange(200, 3_000), agent, page
            )
        now += rng.expovariate(1 / 25) + 2
    if rng.random() < 0.08:
        yield Hit(now, ip, "POST /login", rng.choice((303, 303, 303, 401)), 0, agent)
        yield Hit(now + 20, ip, "POST /orders", 303, 0, agent)


def visitors(rng: random.Random) -> Iterator[Hit]:
    """The people, most of them from an address of their own."""
    for number in range(VISITORS):
        network = f"198.18.{number // 250}" if number % 3 else f"2001:db8:{number:x}:"
        ip = f"{network}.{number % 250 + 1}" if number % 3 else f"{network}{rng.randrange(1, 9)}::1"
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            hour = rng.choices(range(24), HOURS)[0]
            yield from visit(rng, ip, (hour + rng.random()) * HOUR)


def office(rng: random.Random) -> Iterator[Hit]:
    """40 people behind one address, most of them in the lunch break."""
    for _ in range(260):
        hour = rng.choice((9, 10, 11, 12, 12, 12, 12, 13, 14, 15, 16))
        yield from visit(rng, "198.51.100.20", (hour + rng.random()) * HOUR)


def crawler(rng: random.Random) -> Iterator[Hit]:
    """It reads on and on, a page every few seconds from each of its addresses."""
    for host in range(3):
        now = rng.random() * 10
        while now < 24 * HOUR:
            path = f"GET /items/{rng.randrange(2_000)}"
            yield Hit(now, f"192.0.2.{host + 10}", path, 200, rng.randrange(8_000, 30_000), CRAWLER)
            now += rng.uniform(4, 10)


def stuffing(rng: random.Random) -> Iterator[Hit]:
    """60 addresses that try passwords from 03:10 to 03:40."""
    for host in range(60):
        now = 3 * HOUR + 600 + rng.random() * 120
        while now < 3 * HOUR + 2_400:
            status = 303 if rng.random() < 0.002 else 401
            yield Hit(now, f"198.19.{host // 4}.{host + 1}", "POST /login", status, 0, STUFFER)
            now += rng.uniform(3, 9)


def scraper(rng: random.Random) -> Iterator[Hit]:
    """All prices as fast as they come, from ever other addresses of one network, at 14:20."""
    now = 14 * HOUR + 1_200.0
    for item in range(6_000):
        ip = f"2001:db8:bad:1::{rng.randrange(1, 65_535):x}"
        yield Hit(now, ip, f"GET /api/stock?item={item % 2_000}", 200, 210, SCRAPER)
        now += rng.expovariate(12)


def customer(rng: random.Random) -> Iterator[Hit]:
    """A program that looks after 30 warehouses from 05:00 to 21:00, one request a second."""
    now = 5.0 * HOUR
    while now < 21 * HOUR:
        path = rng.choice(
            ("GET /api/stock?item=", "GET /api/stock?item=", "POST /api/orders?item=")
        )
        item = rng.randrange(2_000)
        yield Hit(now, "192.0.2.200", f"{path}{item}", 200, 340, CUSTOMER, user="acme-trading")
        now += rng.choice((0.4, 0.9, 1.1, 1.3, 2.5))


def main() -> None:
    """Write it in the order of the times, but for requests that took their time to end."""
    rng = random.Random(2026)
    parts = (visitors, office, crawler, stuffing, scraper, customer)
    hits = [hit for part in parts for hit in part(rng) if hit.second < 24 * HOUR]
    hits.sort(key=lambda hit: hit.second + rng.expovariate(4))
    file = Path(sys.argv[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{hit.line()}\n" for hit in hits))
    print(f"{file}: {len(hits):,} requests")


if __name__ == "__main__":
    main()

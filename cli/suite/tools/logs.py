"""Logs, as servers write them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

START_MS = 1_700_697_600_000
"""A midnight."""


@dataclass(frozen=True)
class Hit:
    """A request: when it came, in ms since START_MS, and what a log says of it."""

    ms: int = 0
    ip: str = "192.0.2.1"
    path: str = "/"
    method: str = "GET"
    status: int = 200
    bytes: int = 10
    agent: str = "curl/8.0"
    referer: str = "-"
    user: str = "-"

    @property
    def at(self) -> datetime:
        """When it came."""
        return datetime.fromtimestamp((START_MS + self.ms) // 1000, UTC)

    @property
    def iso(self) -> str:
        """When it came, to the millisecond, by RFC 3339."""
        return f"{self.at:%Y-%m-%dT%H:%M:%S}.{(START_MS + self.ms) % 1000:03}Z"


def common(hit: Hit) -> str:
    """A line in NCSA's common format."""
    return (
        f"{hit.ip} - {hit.user} [{hit.at:%d/%b/%Y:%H:%M:%S +0000}] "
        f'"{hit.method} {hit.path} HTTP/1.1" {hit.status} {hit.bytes}'
    )


def combined(hit: Hit) -> str:
    """A line in the combined format."""
    return f'{common(hit)} "{hit.referer}" "{hit.agent}"'


def alb(hit: Hit) -> str:
    """A line of Amazon's load balancer."""
    client = f"[{hit.ip}]:4711" if ":" in hit.ip else f"{hit.ip}:4711"
    return (
        f"https {hit.iso} app/shop/50dc6c495c0c9188 {client} 10.0.0.1:80 0.000 0.001 0.002 "
        f"{hit.status} {hit.status} 34 {hit.bytes} "
        f'"{hit.method} https://shop.example:443{hit.path} HTTP/1.1" '
        f'"{hit.agent}" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:shop '
        f'"Root=1-58337281-1d84f3d73c47ec4e58577259" "shop.example" "arn:aws:acm:shop" 1 '
        f'{hit.iso} "forward" "-" "-" "10.0.0.1:80" "{hit.status}" "-" "-" TID_1234'
    )


def envoy(hit: Hit) -> str:
    """A line of Envoy, in its default format."""
    return (
        f'[{hit.iso}] "{hit.method} {hit.path} HTTP/2" {hit.status} - 0 {hit.bytes} 26 25 '
        f'"{hit.ip}" "{hit.agent}" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "shop.example" '
        '"tcp://10.0.2.1:80"'
    )


def text(lines: Iterable[str]) -> str:
    """Lines as a file has them."""
    return "".join(f"{line}\n" for line in lines)

"""Client addresses: who sent a request, and which addresses are one client."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from redis_rl.errors import CannotIdentify, ConfigurationError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNIX = "unix"
"""In `trusted_proxies`: peers on a Unix socket, which have no address."""

_BRACKETED = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?")
_V4_AND_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")
_MAPPED = IPv6Network("::ffff:0:0/96")


def ip_key(address: str | Address, prefix: int = 64) -> str:
    """Return what one client's addresses share: IPv4 itself, the first `prefix` bits of IPv6.

    Brackets, port and zone are stripped; an IPv4 address mapped into IPv6 is the IPv4 address.
    Raises CannotIdentify for anything else.
    """
    found = _read(address) if isinstance(address, str) else _unmapped(address)
    if found is None:
        raise CannotIdentify(f"an address must be IPv4 or IPv6, not {address!r}")
    return _bucket(found, prefix)


class AddressRules:
    """How a limiter identifies clients: the proxies it trusts, the bits of IPv6 it compares."""

    def __init__(self, trusted_proxies: Iterable[str] = (), ipv6_prefix: int = 64) -> None:
        if type(ipv6_prefix) is not int or not 32 <= ipv6_prefix <= 128:
            raise ConfigurationError(
                f"ipv6_prefix must be an integer from 32 to 128, not {ipv6_prefix!r}"
            )
        if isinstance(trusted_proxies, str):
            raise ConfigurationError(
                f"trusted_proxies must be a list, as in ['10.0.0.0/8'], not {trusted_proxies!r}"
            )
        entries = list(trusted_proxies)
        self.prefix = ipv6_prefix
        self.unix = any(_is_unix(entry) for entry in entries)
        self.trusted = tuple(_network(entry) for entry in entries if not _is_unix(entry))

    def client(self, peer: str | None, forwarded_for: Sequence[str] = ()) -> str:
        """Return the client: `peer`, or the one that trusted proxies name in X-Forwarded-For.

        The header's lines are read from the right up to the first address that is not trusted.
        An invalid entry ends the walk at the last trusted hop. A peer that is None or empty is a
        Unix socket. Raises CannotIdentify if no address is found.
        """
        if self.unix and not peer:
            hop = None
        elif not self.trusted:
            return _peer_bucket(peer, self.prefix)
        else:
            hop = _peer(peer)
        if hop is None or self._trusts(hop):
            entries = ",".join(forwarded_for).split(",") if forwarded_for else []
            for entry in reversed(entries):
                before = _read(entry)
                if before is None:
                    break
                hop = before
                if not self._trusts(hop):
                    break
        if hop is None:
            raise CannotIdentify("X-Forwarded-For must name the client behind the Unix socket")
        return _bucket(hop, self.prefix)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self.trusted)


def _peer(peer: str | None) -> Address:
    found = _read(peer) if isinstance(peer, str) else None
    if found is None:
        raise CannotIdentify(f"a client must have an IP address, not {peer!r}")
    return found


def _is_unix(entry: object) -> bool:
    return isinstance(entry, str) and entry.strip(" \t") == UNIX


@lru_cache(maxsize=4096)
def _peer_bucket(peer: str | None, prefix: int) -> str:
    return _bucket(_peer(peer), prefix)


def _read(text: str) -> Address | None:
    text = text.strip(" \t")
    inside = _BRACKETED.fullmatch(text) or _V4_AND_PORT.fullmatch(text)
    if inside:
        text = inside[1]
    if ":" in text:
        text = text.partition("%")[0]
    try:
        return _unmapped(ip_address(text))
    except ValueError:
        return None


def _unmapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _bucket(address: Address, prefix: int) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    first = IPv6Address(int(address) >> (128 - prefix) << (128 - prefix))
    return str(first) if prefix == 128 else f"{first}/{prefix}"


def _network(text: str) -> Network:
    try:
        if "." in text.partition("/")[2]:
            raise ValueError("a netmask is no prefix")
        network = ip_network(text, strict=False)
    except ValueError:
        raise ConfigurationError(
            f"trusted_proxies must hold CIDRs such as 10.0.0.0/8, or the word unix, not {text!r}"
        ) from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        base = network.network_address.ipv4_mapped
        return IPv4Network((int(base or 0), network.prefixlen - 96))
    return network

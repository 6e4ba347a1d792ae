"""A server whose memory is full."""

from __future__ import annotations

from support.resp import Failure, RawConnection

OOM = Failure("OOM command not allowed when used memory > 'maxmemory'.")


def info(raw: RawConnection, section: str, name: str) -> int:
    """One number of INFO."""
    reply = raw("INFO", section)
    assert isinstance(reply, bytes)
    return int(reply.split(f"{name}:".encode())[1].split(b"\r\n")[0])


def used_memory(raw: RawConnection) -> int:
    """What the server uses, without what it keeps for clients."""
    return info(raw, "memory", "used_memory") - info(raw, "memory", "mem_clients_normal")


def exhaust(raw: RawConnection, policy: str = "noeviction") -> None:
    """Let the server have less memory than it uses already."""
    raw("CONFIG", "SET", "maxmemory-policy", policy)
    raw("CONFIG", "SET", "maxmemory", used_memory(raw) // 2)

"""What the module tells operators."""

from __future__ import annotations

from support.resp import RawConnection


def told(raw: RawConnection) -> dict[str, int]:
    """The module's numbers in INFO, by their names."""
    text = raw("INFO", "ratelimit")
    assert isinstance(text, bytes)
    pairs = (line.rsplit(":", 1) for line in text.decode().split() if ":" in line)
    return {name.removeprefix("ratelimit_"): int(number) for name, number in pairs}

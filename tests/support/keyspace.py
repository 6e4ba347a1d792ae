"""All that a server holds, in a few numbers: equal before and after, nothing has changed."""

from __future__ import annotations

from support.resp import RawConnection, Reply


def snapshot(raw: RawConnection) -> list[Reply]:
    """How many keys there are, a digest of them all, and when each expires."""
    size, digest, keys = raw.pipeline([["DBSIZE"], ["DEBUG", "DIGEST"], ["KEYS", "*"]])
    assert isinstance(keys, list)
    names = sorted(key for key in keys if isinstance(key, bytes))
    return [size, digest, *raw.pipeline([["PEXPIRETIME", name] for name in names])]

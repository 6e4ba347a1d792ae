"""Values that are made by hand, put into what a server wrote."""

from __future__ import annotations

from collections.abc import Mapping

from support.feeding import applies, dump, feed, peak_memory, restores
from support.payload import Dump, effect_of_state
from support.server import Server


def template(server: Server) -> Dump:
    """A payload of the server's own, to put other bytes into."""
    with server.raw() as raw:
        raw("RL.FIXED", "template", 9, "1h")
        return Dump.parse(dump(raw, "template"))


def check_refused(server: Server, forged: Mapping[str, bytes], expire_at_ms: int) -> None:
    """Fail unless each value is refused by RESTORE and by RL.APPLY, before it takes memory."""
    own = template(server)
    with server.raw() as raw:
        before = peak_memory(raw)
        for name, value in forged.items():
            assert feed(server, restores([own.with_value(value)])) == [False], name
            effect = effect_of_state(value, expire_at_ms)
            assert feed(server, applies([effect])) == [False], name
        assert peak_memory(raw) - before < 4 << 20, "refused, but memory was taken first"

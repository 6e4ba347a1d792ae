"""What replicas are sent, word by word: a replica that only listens."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from support.resp import Status
from support.server import Server

if TYPE_CHECKING:
    from typing import Self

END = b"the end of it"

Commands = list[list[bytes]]


class Stream:
    """A connection that a server takes for a replica."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._raw = server.raw()
        self._raw.send(b"PSYNC ? -1\r\n")
        answer = self._raw.read()
        assert isinstance(answer, Status)
        assert answer.text.startswith("FULLRESYNC "), answer
        self._raw.skip_file()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self._raw.close()

    def sent(self) -> Commands:
        """The commands that were sent since it was last asked; which databases apart."""
        with self._server.raw() as other:
            other("PUBLISH", "channel", END)
        found: Commands = []
        while True:
            command = self._raw.read()
            assert isinstance(command, list)
            words = [word for word in command if isinstance(word, bytes)]
            if words == [b"PUBLISH", b"channel", END]:
                return found
            if words[0].upper() not in (b"SELECT", b"PING"):
                found.append(words)


def transactions(commands: Commands) -> list[list[bytes]]:
    """The keys of each effect, those of one transaction together; they must be whole."""
    found: list[list[bytes]] = []
    within: list[bytes] | None = None
    for words in commands:
        match words[0].upper():
            case b"MULTI":
                assert within is None, "a transaction within a transaction"
                within = []
            case b"EXEC":
                assert within is not None, "the end of no transaction"
                found.append(within)
                within = None
            case b"SELECT":
                pass
            case name:
                what = words[1] if name == b"RL.APPLY" else name + b" " + words[1]
                if within is None:
                    found.append([what])
                else:
                    within.append(what)
    assert within is None, "a transaction without an end"
    return found

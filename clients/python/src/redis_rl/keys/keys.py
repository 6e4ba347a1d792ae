"""Keys in Redis: who is limited, and in what."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from redis_rl.errors import CannotIdentify, ConfigurationError
from redis_rl.keys.addresses import AddressRules
from redis_rl.keys.subjects import Who, WholeKey, subject_of

_LONGEST = 128


class Keys:
    """Builds the keys of one limiter: `{prefix}:{scope}:{kind}:{subject}`."""

    def __init__(self, prefix: str, rules: AddressRules) -> None:
        if not isinstance(prefix, str) or not prefix:
            raise ConfigurationError(f"prefix must be text that is not empty, not {prefix!r}")
        self._prefix = _field(prefix)
        self._rules = rules

    def key(self, scope: str, who: Who, slot: str | None = None) -> str:
        """The key of a subject in a scope; CannotIdentify if there is no id or address.

        Keys of one `slot` are on one server of a cluster.
        """
        subject = subject_of(who)
        if isinstance(subject, WholeKey):
            return subject.key
        kind, name = subject.kind, subject.id
        if kind == "ip":
            name = self._rules.client(name, subject.forwarded_for)
        if not name:
            raise CannotIdentify(f"the id of a {kind} must be text that is not empty, not ''")
        prefix = self._prefix if slot is None else f"{self._prefix}{{{_field(checked_slot(slot))}}}"
        return f"{prefix}:{_field(scope)}:{_field(kind)}:{_identity(kind, name)}"


def checked_slot(slot: str) -> str:
    """Return it if it is valid; else raise ConfigurationError."""
    if not isinstance(slot, str) or not slot:
        raise ConfigurationError(f"slot must be text that is not empty, not {slot!r}")
    return slot


@lru_cache(maxsize=1024)
def _field(text: str) -> str:
    return _encoded(text)


def _encoded(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _identity(kind: str, who: str) -> str:
    raw = who.encode("utf-8", "surrogatepass")
    if kind == "key" or len(raw) > _LONGEST:
        return f"sha256={sha256(raw).hexdigest()}"
    return _encoded(who)

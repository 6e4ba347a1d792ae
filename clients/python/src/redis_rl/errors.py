"""What can go wrong, other than a denial."""

from __future__ import annotations


class ConfigurationError(ValueError):
    """An invalid argument: raised where it is given, never at a request."""


class WrongArgument(ConfigurationError, TypeError):
    """An argument of the wrong type, or an option that does not exist."""


class CannotDecide(Exception):
    """The check has no outcome; with `on_error="open"` most such requests are served anyway."""

    always = False
    """Whether it is raised in every mode."""


class CannotIdentify(CannotDecide):
    """There is nobody to limit: an empty id, or a client without an address. Answered 400."""

    always = True


class StoreUnavailable(CannotDecide):
    """The store did not answer in time, or said that it cannot answer now."""


class CannotNow(StoreUnavailable):
    """The store said that it cannot answer now: loading, failing over, out of memory."""


class NoAnswer(StoreUnavailable):
    """The store was silent or unreachable: enough of these in a row open the breaker."""


class ConnectionBroken(NoAnswer):
    """The connection broke while a command was on its way: it may have been run, or not."""


class StoreMisconfigured(StoreUnavailable):
    """The store refused in a way that somebody has to fix: raised in every mode."""

    always = True
    of_key = False
    """Whether it concerns a single key."""


class KeyMisconfigured(StoreMisconfigured):
    """A key holds another type, or a limit names a policy that does not exist."""

    of_key = True


class ModuleNotLoaded(StoreMisconfigured):
    """The server does not know the RL commands."""

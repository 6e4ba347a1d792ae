"""What can go wrong without being a denial."""

from __future__ import annotations


class ConfigurationError(ValueError):
    """An argument that makes no sense: raised where it is given, never at a request."""


class WrongArgument(ConfigurationError, TypeError):
    """An argument of the wrong type, or an option that does not exist."""


class CannotDecide(Exception):
    """There is no verdict; with `on_error="open"` the request is served all the same."""

    always = False
    """Whether it is raised in every mode."""


class CannotIdentify(CannotDecide):
    """Nobody to limit: an empty id, or a client without an address. No outage: it is a 400."""

    always = True


class StoreUnavailable(CannotDecide):
    """The store did not answer in time, or said that it cannot answer now."""


class CannotNow(StoreUnavailable):
    """The store said that it cannot answer now: loading, failing over, out of memory."""


class NoAnswer(StoreUnavailable):
    """The store kept silent, or could not be reached: enough of these in a row open the breaker."""


class StoreMisconfigured(StoreUnavailable):
    """The store refused in a way that somebody has to mend: raised in every mode."""

    always = True
    of_key = False
    """Whether it concerns one key alone."""


class KeyMisconfigured(StoreMisconfigured):
    """A key holds something else, or asks for a policy that does not exist."""

    of_key = True


class ModuleNotLoaded(StoreMisconfigured):
    """The server does not know the RL commands."""

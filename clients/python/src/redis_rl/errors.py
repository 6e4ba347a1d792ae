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


class StoreMisconfigured(StoreUnavailable):
    """The store refused in a way that somebody has to mend: raised in every mode."""

    always = True


class ModuleNotLoaded(StoreMisconfigured):
    """The server does not know the RL commands."""

"""Every adapter there is."""

from web.adapters import Adapter, Decorator, Dependency, Middleware
from web.djangos import (
    AsyncDjango,
    AsyncDjangoClass,
    Django,
    DjangoClass,
    Rest,
    RestClass,
    RestThrottle,
)
from web.wsgi import AsyncFlask, Flask

ADAPTERS: list[type[Adapter]] = [
    Dependency,
    Decorator,
    Middleware,
    Flask,
    AsyncFlask,
    Django,
    DjangoClass,
    AsyncDjango,
    AsyncDjangoClass,
    Rest,
    RestClass,
    RestThrottle,
]

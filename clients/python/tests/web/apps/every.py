"""Every adapter there is."""

from web.apps.adapters import Adapter, Decorator, Dependency, Middleware
from web.apps.djangos import (
    AsyncDjango,
    AsyncDjangoClass,
    Django,
    DjangoClass,
    Rest,
    RestClass,
    RestThrottle,
)
from web.apps.wsgi import AsyncFlask, Flask

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

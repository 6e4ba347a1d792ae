"""Limits of Django's views, and of Django REST framework's.

limits = RateLimits(SyncRateLimiter("redis://localhost:6379"))

@limits.limit("5/minute")
def items(request): ...
"""

from redis_rl.django.limits import RateLimits
from redis_rl.django.requests import client_ip
from redis_rl.django.route import RouteLimit

__all__ = ["RateLimits", "RouteLimit", "client_ip"]

"""No limiter."""

from __future__ import annotations

from fastapi import FastAPI

from bench.http.python.items import PATH, items

app = FastAPI()
app.add_api_route(PATH, items)

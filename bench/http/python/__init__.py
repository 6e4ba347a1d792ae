"""The apps under FastAPI: one handler, each behind another limiter."""

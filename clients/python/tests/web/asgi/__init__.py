"""ASGI apps: FastAPI, Starlette and Litestar."""

"""Limits as they are written, named and sent."""

"""Charges with an id: made once, and corrected."""

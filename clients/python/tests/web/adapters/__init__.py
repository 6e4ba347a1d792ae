"""What every adapter must do, and what only some can."""

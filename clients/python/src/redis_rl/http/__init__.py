"""Headers and bodies that tell clients about limits, for every framework."""

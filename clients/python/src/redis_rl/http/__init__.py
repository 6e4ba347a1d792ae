"""What HTTP says of limits: headers and bodies, for every framework."""

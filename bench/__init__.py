"""What the commands of redis-rl cost, beside plain commands, Lua scripts and other modules."""

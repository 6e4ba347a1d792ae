-- Sliding window log in a sorted set: one member for each admitted request.
-- KEYS[1]; ARGV: limit, period in ms. Answers {allowed, remaining}.
local limit, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - period * 1000)
local used = redis.call('ZCARD', KEYS[1])
if used >= limit then
  return {0, 0}
end
-- Two requests may share a microsecond; the count tells them apart.
redis.call('ZADD', KEYS[1], now, time[1] .. '.' .. time[2] .. ':' .. used)
redis.call('PEXPIRE', KEYS[1], period)
return {1, limit - used - 1}

-- Sliding window counter: the previous window's count, weighted by how much of it still counts.
-- One counter a window; in a cluster, KEYS[1] needs a hash tag.
-- KEYS[1]; ARGV: limit, period in ms. Answers {allowed, remaining}.
local limit, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = math.floor(now / period)
local current_key = KEYS[1] .. ':' .. window
local current = tonumber(redis.call('GET', current_key) or 0)
local previous = tonumber(redis.call('GET', KEYS[1] .. ':' .. (window - 1)) or 0)
local used = current + previous * (period - now % period) / period
if used + 1 > limit then
  return {0, 0}
end
if redis.call('INCR', current_key) == 1 then
  redis.call('PEXPIRE', current_key, 2 * period)
end
return {1, math.floor(limit - used - 1)}

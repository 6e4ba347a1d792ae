-- Token bucket in a hash: the tokens that are there, and when they were counted.
-- KEYS[1]; ARGV: capacity, refill, period in ms. Answers {allowed, remaining}.
local capacity, refill, period = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'tokens', 'time')
local tokens = tonumber(state[1]) or capacity
local since = math.max(0, now - (tonumber(state[2]) or now))
tokens = math.min(capacity, tokens + since * refill / period)
if tokens < 1 then
  return {0, 0}
end
tokens = tokens - 1
redis.call('HSET', KEYS[1], 'tokens', tokens, 'time', now)
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) * period / refill))
return {1, math.floor(tokens)}

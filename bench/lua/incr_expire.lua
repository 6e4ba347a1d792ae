-- Fixed window: count, and give the counter a life when it is new.
-- KEYS[1]; ARGV: limit, period in ms. Answers {allowed, remaining}.
local used = redis.call('INCR', KEYS[1])
if used == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local limit = tonumber(ARGV[1])
if used > limit then
  return {0, 0}
end
return {1, limit - used}

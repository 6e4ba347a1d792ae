-- For redis_exporter's -script: every field of INFO ratelimit as redis_script_value{key="..."}.
local found = {}
for name, value in string.gmatch(redis.call('INFO', 'ratelimit'), 'ratelimit_([^:\r\n]+):(%d+)') do
  found[#found + 1] = name
  found[#found + 1] = value
end
return found

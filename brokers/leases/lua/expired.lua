-- Purpose: name the leases that have run out; they stay until `release` is told what was done about them.
-- Time: O(groups due + leases returned). KEYS[1] zset of groups by earliest expiry; KEYS[2] prefix of in-flight zsets
-- ARGV: most leases to return
-- Returns: {group, member, group, member, …}
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local left = tonumber(ARGV[1])
local out = {}
for _, group in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)) do
  local flight = KEYS[2] .. group
  local members = redis.call('ZRANGEBYSCORE', flight, '-inf', now, 'LIMIT', 0, left)
  for _, member in ipairs(members) do
    out[#out + 1] = group
    out[#out + 1] = member
  end
  left = left - #members
  if #members == 0 then
    local first = redis.call('ZRANGE', flight, 0, 0, 'WITHSCORES')
    if first[2] then redis.call('ZADD', KEYS[1], first[2], group) else redis.call('ZREM', KEYS[1], group) end
  end
  if left <= 0 then break end
end
return out

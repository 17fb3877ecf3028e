-- Purpose: move the expiry of one message, splitting the range it was claimed in. Time: O(in-flight) at worst.
-- KEYS[1] in-flight zset of the group; KEYS[2] zset of groups by earliest expiry
-- ARGV: group, queue, epoch, offset, member as claimed, invisible ms
-- Returns: the new expiry in ms, or 0 when the lease is gone or has run out.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local group, queue, epoch, offset, invisible = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[6])

local function parse(member)
  local q, e, from, to, rest = string.match(member, '^(%d+)|(%d+)|(%d+)|(%d+)|(.*)$')
  return q, e, tonumber(from), tonumber(to), rest
end

local found, score = ARGV[5], redis.call('ZSCORE', KEYS[1], ARGV[5])
if not score then
  found = nil
  local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    local q, e, from, to = parse(all[i])
    if q == queue and e == epoch and from <= offset and offset < to then
      found, score = all[i], all[i + 1]
      break
    end
  end
end
if not found or tonumber(score) <= now then return 0 end
local q, e, from, to, rest = parse(found)
local expiry = now + invisible
if to - from > 1 then
  redis.call('ZREM', KEYS[1], found)
  if from < offset then
    redis.call('ZADD', KEYS[1], score, table.concat({q, e, from, offset, rest}, '|'))
  end
  if offset + 1 < to then
    redis.call('ZADD', KEYS[1], score, table.concat({q, e, offset + 1, to, rest}, '|'))
  end
  redis.call('ZADD', KEYS[1], expiry, table.concat({q, e, offset, offset + 1, rest}, '|'))
else
  redis.call('ZADD', KEYS[1], expiry, found)
end
redis.call('ZADD', KEYS[2], 'LT', expiry, group)
return expiry

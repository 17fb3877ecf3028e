-- Purpose: forget leases whose messages are settled, refused or given back. Time: O(members × log in-flight).
-- KEYS[1] in-flight zset of the group; KEYS[2] prefix of the claim pointers
-- ARGV: then 4 values a lease: member, pointer name "<queue>:<epoch>", action, value
--   action 'drop'    forget the lease
--   action 'head'    ordered queue: forget it, and let the head be claimed from offset <value> on
--   action 'skip'    keep the lease, and let nothing below offset <value> be claimed any more
--   action 'back'    let anyone claim the ranges <value> = "from-to,from-to" again; the rest of the lease stays out
-- Returns: how many leases were still there.
local there = 0
for i = 1, #ARGV, 4 do
  local member, pointer, action, value = ARGV[i], KEYS[2] .. ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local score = redis.call('ZSCORE', KEYS[1], member)
  if score and action ~= 'skip' then
    there = there + 1
    redis.call('ZREM', KEYS[1], member)
  end
  if action == 'head' or action == 'skip' then
    if action == 'head' and redis.call('GET', pointer .. ':b') == member then redis.call('DEL', pointer .. ':b') end
    local known = tonumber(redis.call('GET', pointer) or '0')
    if tonumber(value) > known then redis.call('SET', pointer, value, 'PX', 86400000) end
  elseif action == 'back' and score then
    local q, e, from, to, rest = string.match(member, '^(%d+)|(%d+)|(%d+)|(%d+)|(.*)$')
    local at = tonumber(from)
    for first, past in string.gmatch(value, '(%d+)-(%d+)') do
      if at < tonumber(first) then
        redis.call('ZADD', KEYS[1], score, table.concat({q, e, at, first, rest}, '|'))
      end
      at = tonumber(past)
      redis.call('RPUSH', pointer .. ':r', first .. '-' .. past)
    end
    if at < tonumber(to) then
      redis.call('ZADD', KEYS[1], score, table.concat({q, e, at, to, rest}, '|'))
    end
    redis.call('PEXPIRE', pointer .. ':r', 86400000)
    redis.call('PEXPIRE', pointer, 86400000)
  end
end
return there

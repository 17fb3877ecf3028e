-- Purpose: forget leases whose messages are settled, refused or given back. Time: O(members × log in-flight).
-- KEYS[1] in-flight zset of the group; KEYS[2] prefix of the claim pointers
-- ARGV: then 4 values a lease: member, pointer name "<queue>:<epoch>", action, value
--   action 'drop'    forget the lease
--   action 'head'    ordered queue: forget it, and let the head be claimed from offset <value> on
--   action 'back'    forget it, and let anyone claim the range <value> = "from-to" again
-- Returns: how many leases were still there.
local there = 0
for i = 1, #ARGV, 4 do
  local member, pointer, action, value = ARGV[i], KEYS[2] .. ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local held = redis.call('ZREM', KEYS[1], member)
  there = there + held
  if action == 'head' then
    if redis.call('GET', pointer .. ':b') == member then redis.call('DEL', pointer .. ':b') end
    local known = tonumber(redis.call('GET', pointer) or '0')
    if tonumber(value) > known then redis.call('SET', pointer, value, 'PX', 86400000) end
  elseif action == 'back' and held == 1 then
    redis.call('RPUSH', pointer .. ':r', value)
    redis.call('PEXPIRE', pointer .. ':r', 86400000)
  end
end
return there

-- Purpose: hand out ranges of offsets of one group's queues to waiting receivers.
-- Time: O(receivers × queues). Keys share one hash tag, so a Redis Cluster keeps them on one node.
-- KEYS[1] in-flight zset of the group   member "queue|epoch|from|to|claimed|attempt|client", score = expiry in ms
-- KEYS[2] zset of groups by their earliest expiry
-- KEYS[3] prefix of the claim pointers: <prefix><queue>:<epoch>; <pointer>:b is the busy mark of an ordered queue,
--         <pointer>:r the list of ranges that were given back
-- ARGV: group, ordered (0/1), queue count Q, receiver count R, then Q × (queue, epoch, committed, next offset,
--       attempt: that of an ordered queue's head, else 0), then R × (max count, invisible ms, client)
-- Returns: {now ms, {receiver index, queue, from, to, expiry}, …}
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local group, ordered, queues, receivers = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local keep = 86400000
local out = {now}

local function grant(index, queue, epoch, from, to, attempt, invisible, client)
  local member = table.concat({queue, epoch, from, to, now, attempt, client}, '|')
  redis.call('ZADD', KEYS[1], now + invisible, member)
  out[#out + 1] = {index, queue, from, to, now + invisible}
  return member
end

local first_expiry = nil
for r = 0, receivers - 1 do
  local at = 5 + queues * 5 + r * 3
  local wanted, invisible, client = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 2]
  local granted = 0
  local turn = redis.call('INCR', KEYS[3] .. 'turn')
  for step = 0, queues - 1 do
    if granted >= wanted then break end
    local q = 5 + ((turn + step) % queues) * 5
    local queue, epoch = ARGV[q], ARGV[q + 1]
    local committed, limit, attempt = tonumber(ARGV[q + 2]), tonumber(ARGV[q + 3]), ARGV[q + 4]
    local pointer_key = KEYS[3] .. queue .. ':' .. epoch
    local pointer = tonumber(redis.call('GET', pointer_key) or committed)
    if ordered == '1' then
      -- one message in flight a queue, always the head; a pointer above committed means our reading of it is old
      if committed < limit and pointer <= committed and redis.call('EXISTS', pointer_key .. ':b') == 0 then
        local member = grant(r, queue, epoch, committed, committed + 1, attempt, invisible, client)
        redis.call('SET', pointer_key .. ':b', member, 'PX', keep)
        granted = granted + 1
      end
    else
      while granted < wanted do
        local back = redis.call('LPOP', pointer_key .. ':r')
        if not back then break end
        local dash = string.find(back, '-', 1, true)
        local from, to = tonumber(string.sub(back, 1, dash - 1)), tonumber(string.sub(back, dash + 1))
        local take = math.min(to - from, wanted - granted)
        if from + take < to then
          redis.call('LPUSH', pointer_key .. ':r', (from + take) .. '-' .. to)
          -- both live on together: ranges forgotten below a pointer that is known would never be handed out
          redis.call('PEXPIRE', pointer_key .. ':r', keep)
          redis.call('PEXPIRE', pointer_key, keep)
        end
        grant(r, queue, epoch, from, from + take, attempt, invisible, client)
        granted = granted + take
      end
      if pointer < committed then pointer = committed end
      local take = math.min(limit - pointer, wanted - granted)
      if take > 0 then
        grant(r, queue, epoch, pointer, pointer + take, attempt, invisible, client)
        redis.call('SET', pointer_key, pointer + take, 'PX', keep)
        granted = granted + take
      end
    end
  end
  if granted > 0 and (not first_expiry or now + invisible < first_expiry) then first_expiry = now + invisible end
end
if first_expiry then
  redis.call('ZADD', KEYS[2], 'LT', first_expiry, group)
  redis.call('PEXPIRE', KEYS[1], keep)
end
return out

-- Notes a request that is about to be sent. KEYS: request, open requests of the instance, deadlines of all.
-- ARGV: member in the instance's set, member in the deadlines', timeout ms, ms it is known after its end, most replies,
--       most open requests, asking process, asking client, user, topic, instance, message id, name of the asker,
--       1 when replies are kept for whoever looks, key of the asking process, ms that one counts as alive.
-- Returns {1, now in ms} for a new one, {2, when it was asked} for one this client has open already, {0} when another
-- has it, {3} when too many are open.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Now, and not a moment later: a reply that finds neither the process nor its subscription takes it for dead.
redis.call('SET', ARGV[15], 1, 'PX', ARGV[16])
local known = redis.call('HMGET', KEYS[1], 'state', 'client', 'user', 'asked_at')
if known[1] then
    if known[1] == 'OPEN' and known[2] == ARGV[8] and known[3] == ARGV[9] and ARGV[8] ~= '' then
        redis.call('HSET', KEYS[1], 'process', ARGV[7])
        return {2, tonumber(known[4])}
    end
    return {0}
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[4])
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6]) then
    return {3}
end
local deadline = now + ARGV[3]
redis.call('HSET', KEYS[1], 'state', 'OPEN', 'asked_at', now, 'deadline', deadline, 'most', ARGV[5], 'got', 0,
    'bytes', 0, 'process', ARGV[7], 'client', ARGV[8], 'user', ARGV[9], 'topic', ARGV[10], 'instance', ARGV[11],
    'message', ARGV[12], 'name', ARGV[13])
if ARGV[14] == '1' then
    redis.call('HSET', KEYS[1], 'kept', 1)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3] + ARGV[4])
redis.call('ZADD', KEYS[2], deadline, ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3] + ARGV[4])
redis.call('ZADD', KEYS[3], deadline, ARGV[2])
return {1, now}

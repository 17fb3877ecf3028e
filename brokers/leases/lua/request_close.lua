-- Ends a request that is still open. KEYS: request. ARGV: TIMEOUT or GONE, account, correlation id, prefix of the keys.
-- One that timed out with some replies is ANSWERED. Returns {was it open, state, got, topic, instance}.
local r = redis.call('HMGET', KEYS[1], 'state', 'got', 'topic', 'instance')
redis.call('ZREM', ARGV[4] .. 'due', ARGV[2] .. ':' .. ARGV[3])
if not r[1] then
    return {0, '', 0, 0, 0}
end
local got, topic, instance = tonumber(r[2]), tonumber(r[3]), tonumber(r[4])
redis.call('ZREM', ARGV[4] .. 'open:' .. r[4], r[3] .. '|' .. ARGV[2] .. ':' .. ARGV[3])
if r[1] ~= 'OPEN' then
    return {0, r[1], got, topic, instance}
end
local state = ARGV[1]
if state == 'TIMEOUT' and got > 0 then
    state = 'ANSWERED'
end
redis.call('HSET', KEYS[1], 'state', state)
return {1, state, got, topic, instance}

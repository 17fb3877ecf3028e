-- Takes one reply to a request. KEYS: request, its replies. ARGV: responder, reply, most bytes of all replies, account,
--       correlation id, prefix of the keys, topic the reply's address was made for.
-- Returns {outcome, got, asked_at, now, topic, instance}: OK, UNKNOWN, REPEATED, TOO_LONG, DIED, or the state of a
-- request that is over (ANSWERED, TIMEOUT, GONE). The asking process is told; when it DIED the request is GONE now,
-- unless its client may come back to another process or replies are kept for whoever looks.
local prefix = ARGV[6]
local r = redis.call('HMGET', KEYS[1], 'state', 'asked_at', 'deadline', 'most', 'got', 'bytes', 'process', 'client',
    'topic', 'instance', 'kept')
if not r[1] or r[9] ~= ARGV[7] then
    return {'UNKNOWN', 0, 0, 0, 0, 0}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local got = tonumber(r[5])
local function answer(outcome)
    return {outcome, got, tonumber(r[2]), now, tonumber(r[9]), tonumber(r[10])}
end
local function finish(state)
    redis.call('HSET', KEYS[1], 'state', state)
    redis.call('ZREM', prefix .. 'open:' .. r[10], r[9] .. '|' .. ARGV[4] .. ':' .. ARGV[5])
    redis.call('ZREM', prefix .. 'due', ARGV[4] .. ':' .. ARGV[5])
end
if redis.call('HEXISTS', KEYS[1], 'by:' .. ARGV[1]) == 1 then
    return answer('REPEATED')
end
if r[1] ~= 'OPEN' then
    return answer(r[1])
end
if now > tonumber(r[3]) then
    return answer('TIMEOUT')  -- whoever waits, or the sweep, closes it
end
if tonumber(r[6]) + #ARGV[2] > tonumber(ARGV[3]) then
    return answer('TOO_LONG')
end
local is_last = got + 1 >= tonumber(r[4])
redis.call('RPUSH', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
redis.call('HSET', KEYS[1], 'by:' .. ARGV[1], now, 'got', got + 1, 'bytes', tonumber(r[6]) + #ARGV[2])
if r[7] ~= '' then
    local notice = cjson.encode({account = ARGV[4], correlation_id = ARGV[5], client = r[8]})
    if redis.call('PUBLISH', 'mq:replies:' .. r[7], notice) == 0
            and redis.call('EXISTS', prefix .. 'process:' .. r[7]) == 0 then
        if r[8] == '' and not r[11] then
            redis.call('DEL', KEYS[2])
            finish('GONE')
            return answer('DIED')
        end
        if r[8] ~= '' then
            redis.call('PUBLISH', 'mq:replies:any', notice)
        end
    end
end
got = got + 1
if is_last then
    finish('ANSWERED')
end
return answer('OK')

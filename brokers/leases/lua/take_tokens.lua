-- Settles one purse with its buckets, at once. KEYS: one hash a bucket (level, at, used).
-- ARGV: now in microseconds or 0 for Redis' own time; charge and want of messages; charge and want of bytes;
-- then for each bucket: tokens a second, capacity, and 1 if it counts messages or 2 if it counts bytes.
-- A charge is always paid, a debt if need be; a negative one gives back. What is wanted is given as far as every bucket
-- has it. `used` is the mean rate of the last ten seconds or so. Returns, as texts: messages given, bytes given, the
-- microseconds until every bucket has a token again, and the place of the bucket that takes longest (0: none).
-- Complexity: the number of buckets, six at most.
local now = tonumber(ARGV[1])
if now == 0 then
    local time = redis.call('TIME')
    now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local charge = { tonumber(ARGV[2]), tonumber(ARGV[4]) }
local given = { tonumber(ARGV[3]), tonumber(ARGV[5]) }
local levels = {}
for i, key in ipairs(KEYS) do
    local rate = tonumber(ARGV[3 + 3 * i])
    local capacity = tonumber(ARGV[4 + 3 * i])
    local kind = tonumber(ARGV[5 + 3 * i])
    local held = redis.call('HMGET', key, 'level', 'at')
    local level = capacity
    if held[1] then
        local passed = math.max(now - tonumber(held[2]), 0)
        level = math.min(capacity, tonumber(held[1]) + passed * rate / 1000000)
    end
    level = math.min(capacity, level - charge[kind])
    levels[i] = level
    given[kind] = math.min(given[kind], math.max(level, 0))
end
local wait, slowest = 0, 0
for i, key in ipairs(KEYS) do
    local rate = tonumber(ARGV[3 + 3 * i])
    local capacity = tonumber(ARGV[4 + 3 * i])
    local kind = tonumber(ARGV[5 + 3 * i])
    local held = redis.call('HMGET', key, 'at', 'used')
    local at = now
    local used = 0
    if held[1] then
        at = math.max(tonumber(held[1]), now)
        used = tonumber(held[2]) * math.exp(-(at - tonumber(held[1])) / 10000000)
    end
    used = math.max(used + (charge[kind] + given[kind]) / 10, 0)
    local level = levels[i] - given[kind]
    local least = math.ceil((1 - level) * 1000000 / rate)
    if least > wait then
        wait, slowest = least, i
    end
    redis.call('HSET', key, 'level', string.format('%.17g', level), 'at', string.format('%d', at),
        'used', string.format('%.17g', used))
    redis.call('PEXPIRE', key, math.ceil(math.min((capacity - level) * 1000 / rate, 86400000)) + 60000)
end
return { string.format('%.17g', given[1]), string.format('%.17g', given[2]), string.format('%d', wait),
    string.format('%d', slowest) }

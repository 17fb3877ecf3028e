-- Takes locks for one holder, or renews those it has. KEYS: one a queue. ARGV: holder, milliseconds.
-- Returns one number a key: 1 held now, 0 somebody else's.
local held = {}
for i, key in ipairs(KEYS) do
    local holder = redis.call('GET', key)
    if not holder or holder == ARGV[1] then
        redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
        held[i] = 1
    else
        held[i] = 0
    end
end
return held

-- Gives up the locks of one holder; others' locks stay. KEYS: one a queue. ARGV: holder. Returns how many it held.
local count = 0
for _, key in ipairs(KEYS) do
    if redis.call('GET', key) == ARGV[1] then
        count = count + redis.call('DEL', key)
    end
end
return count

-- Makes a process hear of the replies to a request that is kept for whoever looks. KEYS: request. ARGV: process.
if redis.call('HGET', KEYS[1], 'kept') then
    redis.call('HSET', KEYS[1], 'process', ARGV[1])
end
return 0

-- Finds requests whose deadline has passed and whom nobody closed. KEYS: deadlines. ARGV: grace in ms, limit.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1], 'LIMIT', 0, ARGV[2])

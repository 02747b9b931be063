-- Slows a sender that its provider has told to slow down.
--
-- KEYS: the hash of slowed senders, the sender's slots (see pace.lua).
-- ARGV: the sender's field, the share that its rate keeps, the smallest share of all, the gap
-- within which more of the same are one event (µs), seconds that the provider asked for (µs), and
-- the longest horizon of any caller (µs).
-- Answer: 1 and the new share (in millionths) when it was lowered, 0 and the present one when not.
--
-- The field holds the share of the own rate that is used, and when it was lowered last.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local keeps, least, gap = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local pause, longest = tonumber(ARGV[5]), tonumber(ARGV[6])
if pause > 0 then
    -- A missing key must not come before slots that were granted ahead of a loss: see pace.lua.
    local free = tonumber(redis.call('GET', KEYS[2]) or now + longest)
    redis.call('SET', KEYS[2], string.format('%.0f', math.max(free, now + pause)), 'EX', 86400)
end
local share, lowered = 1, 0
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held then
    local colon = string.find(held, ':', 1, true)
    share, lowered = tonumber(string.sub(held, 1, colon - 1)), tonumber(string.sub(held, colon + 1))
end
-- What was on the wire when it was lowered brings the same answer again.
if now - lowered < gap then
    return { 0, math.floor(share * 1000000) }
end
share = math.max(least, share * keeps)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.6f:%.0f', share, now))
return { 1, math.floor(share * 1000000) }

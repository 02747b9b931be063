-- Gives send slots to senders: the generic cell rate algorithm, one key a sender.
--
-- A key holds the first instant (µs since 1970, this server's clock) that is still free for its
-- sender. Every call moves it forward by what it grants, so the slots of all workers together
-- never lie closer than the sender's interval.
--
-- The last key is the hash of senders that were slowed (slow.lua): a field a sender, the share of
-- its own rate that it may use, and when that was lowered. What was taken at that rate raises it
-- again, up to its own and never above; what was not lowered for long is forgotten.
--
-- ARGV: lead (µs), horizon (µs), the longest horizon of any caller (µs), time in which a sender at
-- its full rate would come back from nothing (µs), time after which a slowing is forgotten (µs);
-- then for each key: the sender's field, its own interval (µs), slots wanted, phase (µs), messages
-- that its provider has taken since the last call.
-- Answer: now (µs), then for each key: first slot granted (µs), how many, interval (µs).
--
-- A key that is missing (a new sender, or Redis lost its data) starts an interval after the longest
-- horizon from now: slots granted before the loss lie within that horizon, the last one perhaps at
-- its very end. Its phase is added: hundreds of senders that start together would otherwise have
-- their slots together, and no process starts hundreds of requests at one instant.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local lead, horizon, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local recovery, memory = tonumber(ARGV[4]), tonumber(ARGV[5])
local slowed = KEYS[#KEYS]
local any = redis.call('EXISTS', slowed) == 1

local function share_of(field, own, taken)
    local held = redis.call('HGET', slowed, field)
    if not held then
        return 1
    end
    local colon = string.find(held, ':', 1, true)
    local share = tonumber(string.sub(held, 1, colon - 1)) + taken * own / recovery
    local lowered = string.sub(held, colon + 1)
    if share >= 1 or now - tonumber(lowered) > memory then
        redis.call('HDEL', slowed, field)
        return 1
    end
    if taken > 0 then
        redis.call('HSET', slowed, field, string.format('%.6f:%s', share, lowered))
    end
    return share
end

local answer = { string.format('%.0f', now) }
for i = 1, #KEYS - 1 do
    local key, at = KEYS[i], 5 * i
    local field, interval, wanted = ARGV[1 + at], tonumber(ARGV[2 + at]), tonumber(ARGV[3 + at])
    local phase, taken = tonumber(ARGV[4 + at]), tonumber(ARGV[5 + at])
    if any then
        interval = math.ceil(interval / share_of(field, interval, taken))
    end
    local free = tonumber(redis.call('GET', key) or now + longest + interval + phase)
    local first = math.max(free, now + lead)
    local granted = math.floor((now + horizon - first) / interval) + 1
    granted = math.max(0, math.min(wanted, granted))
    -- A missing key is written even when nothing is granted, or it would stay missing.
    redis.call('SET', key, string.format('%.0f', first + granted * interval), 'EX', 86400)
    answer[#answer + 1] = string.format('%.0f', first)
    answer[#answer + 1] = granted
    answer[#answer + 1] = interval
end
return answer

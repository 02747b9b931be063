-- Gives send slots to senders: the generic cell rate algorithm, one key a sender.
--
-- A key holds the first instant (µs since 1970, this server's clock) that is still free for its
-- sender. Every call moves it forward by what it grants, so the slots of all workers together
-- never lie closer than the sender's interval.
--
-- ARGV: lead (µs), horizon (µs), the longest horizon of any caller (µs), then for each key:
-- interval (µs), slots wanted, phase (µs).
-- Answer: now (µs), then for each key: first slot granted (µs), how many.
--
-- A key that is missing (a new sender, or Redis lost its data) starts an interval after the longest
-- horizon from now: slots granted before the loss lie within that horizon, the last one perhaps at
-- its very end. Its phase is added: hundreds of senders that start together would otherwise have
-- their slots together, and no process starts hundreds of requests at one instant.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local lead, horizon, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local answer = { string.format('%.0f', now) }
for i, key in ipairs(KEYS) do
    local interval, wanted = tonumber(ARGV[1 + 3 * i]), tonumber(ARGV[2 + 3 * i])
    local phase = tonumber(ARGV[3 + 3 * i])
    local free = tonumber(redis.call('GET', key) or now + longest + interval + phase)
    local first = math.max(free, now + lead)
    local granted = math.floor((now + horizon - first) / interval) + 1
    granted = math.max(0, math.min(wanted, granted))
    -- A missing key is written even when nothing is granted, or it would stay missing.
    redis.call('SET', key, string.format('%.0f', first + granted * interval), 'EX', 86400)
    answer[#answer + 1] = string.format('%.0f', first)
    answer[#answer + 1] = granted
end
return answer

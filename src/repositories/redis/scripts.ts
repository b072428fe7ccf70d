import { redisScript } from '../../connections/redis/script'

/**
 * What must happen in one step. Every key lies in the tenant's one slot. `base` and the end of a key make its name:
 * v value, s copy for stale reads, l lease, f fence floor, t tag. A value begins with its id, 16 characters; a lease is
 * the id that the value will have and the server's time when it was given; a tag holds `<id><end of key>` by the time
 * until which that counts. The time makes each lease another one: where a request for one and the write under it arrive
 * once more, after a delete, the write has the lease of before.
 */
export const idLength = 16

/** What lies under one of our keys and is no text, or no list of members, is nobody's that we know: it goes. */
const reading = `
local function text(key)
  local held = redis.pcall('GET', key)
  if type(held) ~= 'table' then return held end
  redis.call('DEL', key)
  return false
end
local function begins(key, id)
  local held = redis.pcall('GETRANGE', key, 0, ${idLength - 1})
  return type(held) == 'table' or held == id
end
local function number(held)
  return held and tonumber(held) or nil
end
`

const tagging = `${reading}
local function tagged(base, member, life, first)
  if #ARGV < first then return end
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  for i = first, #ARGV do
    local key = base .. 't' .. ARGV[i]
    local expired = redis.pcall('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
    if type(expired) == 'table' then redis.call('DEL', key) end
    redis.call('ZADD', key, string.format('%.0f', now + life), member)
    if redis.call('PTTL', key) < life then redis.call('PEXPIRE', key, string.format('%.0f', life)) end
  end
end
`

/**
 * KEYS value, stale copy, lease, floor; ARGV payload, life ms, stale ms, fence or '', lease or '', base, end of key,
 * tags. 1 when stored; 0 when the lease was lost or something newer is known.
 */
export const storeScript = redisScript(`${tagging}
local life, stale = tonumber(ARGV[2]), tonumber(ARGV[3])
if ARGV[5] ~= '' and text(KEYS[3]) ~= ARGV[5] then return 0 end
if ARGV[4] ~= '' then
  local floor = number(text(KEYS[4]))
  if floor and floor > tonumber(ARGV[4]) then
    if ARGV[5] ~= '' then redis.call('DEL', KEYS[3]) end
    return 0
  end
  local keep = math.max(life + stale, redis.call('PTTL', KEYS[4]))
  redis.call('SET', KEYS[4], ARGV[4], 'PX', string.format('%.0f', keep))
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if stale > 0 then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', string.format('%.0f', life + stale))
  redis.call('DEL', KEYS[3])
else
  redis.call('DEL', KEYS[2], KEYS[3])
end
tagged(ARGV[6], string.sub(ARGV[1], 1, ${idLength}) .. ARGV[7], life + stale, 8)
return 1
`)

/**
 * KEYS value, stale copy, lease; ARGV id, lease ms, '1' for stale reads, base, end of key, tags.
 * {1, payload} | {2, stale payload, your lease or ''} | {3, your lease} | {4, lease of another}.
 */
export const beginScript = redisScript(`${tagging}
local value = text(KEYS[1])
if value then return {1, value} end
local lease = text(KEYS[3])
if not lease or redis.call('PTTL', KEYS[3]) < 0 then
  local time = redis.call('TIME')
  lease = ARGV[1] .. time[1] .. '.' .. time[2]
  redis.call('SET', KEYS[3], lease, 'PX', ARGV[2])
end
local mine = string.sub(lease, 1, ${idLength}) == ARGV[1]
if mine then tagged(ARGV[4], ARGV[1] .. ARGV[5], tonumber(ARGV[2]), 6) end
local old = ARGV[3] == '1' and text(KEYS[2])
if old then return {2, old, mine and lease or ''} end
return {mine and 3 or 4, lease}
`)

/** KEYS lease; ARGV lease. Gives up a load that failed. */
export const releaseScript = redisScript(`${reading}
if text(KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)

/**
 * KEYS value, stale copy, lease, floor; ARGV fence or '', tombstone ms. A load under way has lost its lease, and with a
 * fence nothing older is taken for as long as the tombstone stands.
 */
export const deleteScript = redisScript(`${reading}
local there = redis.call('EXISTS', KEYS[1])
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
if ARGV[1] ~= '' then
  local floor = text(KEYS[4])
  local known = number(floor)
  local fence = (known and known > tonumber(ARGV[1])) and floor or ARGV[1]
  local keep = math.max(tonumber(ARGV[2]), redis.call('PTTL', KEYS[4]))
  redis.call('SET', KEYS[4], fence, 'PX', string.format('%.0f', keep))
end
return there
`)

/** KEYS tags; ARGV base, members at most. {entries deleted, members done}. */
export const deleteTagsScript = redisScript(`${reading}
local most, left, gone = tonumber(ARGV[2]), tonumber(ARGV[2]), 0
for _, tag in ipairs(KEYS) do
  if left == 0 then break end
  local members = redis.pcall('ZRANGE', tag, 0, left - 1)
  if members.err then
    redis.call('DEL', tag)
    members = {}
  end
  for _, member in ipairs(members) do
    local id, name = string.sub(member, 1, ${idLength}), string.sub(member, ${idLength + 1})
    local value, stale, lease = ARGV[1] .. 'v' .. name, ARGV[1] .. 's' .. name, ARGV[1] .. 'l' .. name
    if begins(value, id) then gone = gone + redis.call('DEL', value) end
    if begins(stale, id) then redis.call('DEL', stale) end
    if begins(lease, id) then redis.call('DEL', lease) end
  end
  if #members > 0 then redis.call('ZREM', tag, unpack(members)) end
  left = left - #members
end
return {gone, most - left}
`)

/** KEYS vectors; ARGV life ms, then the bytes of each. */
export const storeVectorsScript = redisScript(`
for i, key in ipairs(KEYS) do redis.call('SET', key, ARGV[i + 1], 'PX', ARGV[1]) end
return #KEYS
`)

/** KEYS minute, latest; ARGV value, epoch ms, life ms. */
export const recordScript = redisScript(`
redis.call('HINCRBY', KEYS[1], 'count', 1)
redis.call('HINCRBYFLOAT', KEYS[1], 'sum', ARGV[1])
local value = tonumber(ARGV[1])
local low, high = redis.call('HGET', KEYS[1], 'min'), redis.call('HGET', KEYS[1], 'max')
if not low or value < tonumber(low) then redis.call('HSET', KEYS[1], 'min', ARGV[1]) end
if not high or value > tonumber(high) then redis.call('HSET', KEYS[1], 'max', ARGV[1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local at = redis.call('HGET', KEYS[2], 'at')
if not at or tonumber(at) <= tonumber(ARGV[2]) then redis.call('HSET', KEYS[2], 'value', ARGV[1], 'at', ARGV[2]) end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
`)

/** KEYS minutes. The four numbers of each, or nothing of a minute without any. */
export const seriesScript = redisScript(`
local rows = {}
for i, key in ipairs(KEYS) do rows[i] = redis.call('HMGET', key, 'count', 'sum', 'min', 'max') end
return rows
`)

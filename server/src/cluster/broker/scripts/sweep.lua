-- A part of what the dead have left, or of the records of the queue that do not count any more, is taken away.
-- ARGV: prefix, node, its stamp, the dead node (or nothing, for the queue), what: rooms, sessions, queue or end; where to go on,
--   ms for which the memory of a room outlives its owner
-- Gives where to go on, which is 0 at the end
local prefix, node, stamp, dead, what, cursor, memory_ms = unpack(ARGV)
local call = redis.call
local lease = prefix .. 'lease:'
if call('GET', lease .. node) ~= stamp then
  return false
end
local COUNT = 250
if what == 'end' then
  call('HDEL', prefix .. 'dead', dead)
  return '0'
end
if what ~= 'queue' and call('HEXISTS', prefix .. 'dead', dead) == 0 then
  return '0'
end
local part = call('HSCAN', prefix .. what, cursor, 'COUNT', COUNT)
local entries = part[2]
for i = 1, #entries, 2 do
  local name, value = entries[i], entries[i + 1]
  if what == 'queue' then
    local whose, stamped, keys = string.match(value, '^(%S+) (%S+) [^\n]*\n[^\n]*\n(.*)$')
    if call('GET', lease .. whose) ~= stamped then
      call('HDEL', prefix .. 'queue', name)
      call('ZREM', prefix .. 'line', name)
      for key in string.gmatch(keys, '[^\n]+') do
        call('ZREM', prefix .. 'bucket:' .. key, name)
      end
    end
  elseif value == dead then
    call('HDEL', prefix .. what, name)
    if what == 'rooms' then
      call('PEXPIRE', prefix .. 'memory:' .. name, memory_ms)
    end
  end
end
return part[1]

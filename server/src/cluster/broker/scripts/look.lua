-- A node renews its lease, and sees who else is alive. Whose lease is over is taken off the registry.
-- ARGV: prefix, node, its stamp, ms of the lease, id of the latest entry that it has read
-- Gives: number of its latest matches, {node, life, …} of the living, the dead that have left something
local prefix, node, stamp, lease_ms, read = unpack(ARGV)
local call = redis.call
local lease = prefix .. 'lease:'
if call('GET', lease .. node) ~= stamp then
  return false
end
call('PEXPIRE', lease .. node, lease_ms)
call('XTRIM', prefix .. 'mail:' .. node, 'MINID', '~', read)
local living = {}
local nodes = call('HGETALL', prefix .. 'nodes')
for i = 1, #nodes, 2 do
  local other, life = nodes[i], nodes[i + 1]
  if call('EXISTS', lease .. other) == 1 then
    living[#living + 1] = other
    living[#living + 1] = life
  else
    call('HDEL', prefix .. 'nodes', other)
    call('HSET', prefix .. 'dead', other, life)
    call('HDEL', prefix .. 'matches', other)
    call('UNLINK', prefix .. 'mail:' .. other)
  end
end
return { tonumber(call('HGET', prefix .. 'matches', node) or 0), living, call('HKEYS', prefix .. 'dead') }

-- A node goes away. Who is alive finds out by the registry, and sweeps what it leaves.
-- ARGV: prefix, node, its stamp
local prefix, node, stamp = unpack(ARGV)
local call = redis.call
local lease = prefix .. 'lease:' .. node
if call('GET', lease) ~= stamp then
  return false
end
call('HSET', prefix .. 'dead', node, call('HGET', prefix .. 'nodes', node) or 0)
call('HDEL', prefix .. 'nodes', node)
call('HDEL', prefix .. 'matches', node)
call('DEL', lease)
call('UNLINK', prefix .. 'mail:' .. node)
return 1

-- A node says that it is there, over a connection of its own: what it sent over others counts no longer.
-- ARGV: prefix, node, ms of the lease, the life that the node believes to live (or empty), number of the connection
-- Gives: life, stamp, id of the latest entry in its mail, number of its latest matches
local prefix, node, lease_ms, former, connection = unpack(ARGV)
local call = redis.call
local lease, mail = prefix .. 'lease:' .. node, prefix .. 'mail:' .. node
local life = former
local held = call('GET', lease)
local lives = former ~= '' and held and string.match(held, '^%d+') == former and call('EXISTS', mail) == 1
if not lives then
  local time = call('TIME')
  local now = time[1] * 1000000 + time[2]
  local known = tonumber(call('HGET', prefix .. 'nodes', node) or call('HGET', prefix .. 'dead', node) or 0)
  life = string.format('%.0f', math.max(now, known + 1, tonumber(former) and former + 1 or 0))
  call('DEL', mail)
  call('XADD', mail, '*', 'b', '')
  call('HDEL', prefix .. 'matches', node)
end
call('HSET', prefix .. 'nodes', node, life)
call('HDEL', prefix .. 'dead', node)
local stamp = life .. ':' .. connection
call('SET', lease, stamp, 'PX', lease_ms)
local latest = call('XREVRANGE', mail, '+', '-', 'COUNT', 1)
return { life, stamp, latest[1][1], tonumber(call('HGET', prefix .. 'matches', node) or 0) }

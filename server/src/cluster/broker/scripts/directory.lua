-- Who owns which room, and where which session lives.
-- ARGV: prefix, node, its stamp, and for each operation its code, a room or session, and a room's memory,
-- or ms for which that outlives its owner, or nothing
-- Gives two values for each operation, of which those that mean nothing are false: a node, and a room's memory
local prefix, node, stamp = ARGV[1], ARGV[2], ARGV[3]
local call = redis.call
if call('GET', prefix .. 'lease:' .. node) ~= stamp then
  return false
end
local rooms, sessions, memory = prefix .. 'rooms', prefix .. 'sessions', prefix .. 'memory:'

local lives = { [node] = true }
local function is_alive(other)
  if lives[other] == nil then
    lives[other] = call('EXISTS', prefix .. 'lease:' .. other) == 1
  end
  return lives[other]
end

-- Whose it is, which is this node if nobody alive has it.
local function take(what, name)
  local owner = call('HGET', what, name)
  if owner and is_alive(owner) then
    return owner
  end
  call('HSET', what, name, node)
  return node
end

local operations = {
  claim = function(room)
    local owner = call('HGET', rooms, room)
    if owner and is_alive(owner) then
      return owner, false
    end
    call('HSET', rooms, room, node)
    call('PERSIST', memory .. room)
    return node, call('GET', memory .. room)
  end,
  keep = function(room, text)
    local owner = take(rooms, room)
    if owner == node and text ~= '' then
      call('SET', memory .. room, text)
    end
    return owner, false
  end,
  remember = function(room, text)
    if call('HGET', rooms, room) == node then
      call('SET', memory .. room, text)
    end
    return false, false
  end,
  release = function(room)
    if call('HGET', rooms, room) == node then
      call('HDEL', rooms, room)
      call('UNLINK', memory .. room)
    end
    return false, false
  end,
  abandon = function(room, memory_ms)
    if call('HGET', rooms, room) == node then
      call('HDEL', rooms, room)
      call('PEXPIRE', memory .. room, memory_ms)
    end
    return false, false
  end,
  settle = function(session)
    call('HSET', sessions, session, node)
    return false, false
  end,
  stay = function(session)
    return take(sessions, session), false
  end,
  unsettle = function(session)
    if call('HGET', sessions, session) == node then
      call('HDEL', sessions, session)
    end
    return false, false
  end,
  find = function(session)
    local owner = call('HGET', sessions, session)
    return owner and is_alive(owner) and owner, false
  end,
}

local answers = {}
for i = 4, #ARGV, 3 do
  local whose, text = operations[ARGV[i]](ARGV[i + 1], ARGV[i + 2])
  answers[#answers + 1] = whose
  answers[#answers + 1] = text
end
return answers

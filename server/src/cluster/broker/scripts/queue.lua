-- Who waits for a stranger, and who meets whom: first in, first out, among those with a bucket in common.
--
-- queue  hash: session -> record, which is "node stamp stint ticket identity\nblocks\nkeys", lists with a tab or newline between
-- line   sorted set of all who wait by ticket
-- bucket:KEY  the same of those who would meet somebody over that
-- met:A:B  two who are to be apart for a while
--
-- A record counts as long as its node still has the stamp that it was written with.
--
-- ARGV: prefix, node, its stamp, ms for which two who met are apart, and operations:
--   seek, session, stint, ticket or nothing, identity, blocks, keys, "known" if it was queued with this stamp
--   withdraw, session
--   place, session
-- Gives how many wait, and for each seek its ticket and place, or 0 and 0 if it was matched, or -1 and 0 if it had been before;
-- for each place a place, or 0. Who meets whom is told in the mail of both nodes.
local prefix, node, stamp, apart_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local call, find, match, gmatch, format = redis.call, string.find, string.match, string.gmatch, string.format
if call('GET', prefix .. 'lease:' .. node) ~= stamp then
  return false
end
-- Others that are looked at in one bucket; and how often, if all of them were of the dead.
local LOOKED_AT, TIMES = 16, 16
local MAIL_LENGTH = 65536
local queue, line, bucket = prefix .. 'queue', prefix .. 'line', prefix .. 'bucket:'
local now = call('TIME')
now = now[1] * 1000000 + now[2]
local first_ticket = math.max(now, tonumber(call('GET', prefix .. 'ticket') or 0) + 1)
local next_ticket = first_ticket
local answers = { 0 }
local told = {}
local waiting = call('ZCARD', line)

local stamps = { [node] = stamp }
local function stamp_of(other)
  if stamps[other] == nil then
    stamps[other] = call('GET', prefix .. 'lease:' .. other)
  end
  return stamps[other]
end

local function read(session)
  local text = call('HGET', queue, session)
  if not text then
    return nil
  end
  local whose, stamped, stint, ticket, identity, blocks, keys =
    match(text, '^(%S+) (%S+) (%S+) (%S+) (%S+)\n([^\n]*)\n(.*)$')
  return {
    session = session,
    node = whose,
    stamp = stamped,
    stint = stint,
    ticket = tonumber(ticket),
    identity = identity,
    blocks = blocks,
    keys = keys,
  }
end

local function unlist(record)
  waiting = waiting - call('ZREM', line, record.session)
  for key in gmatch(record.keys, '[^\n]+') do
    call('ZREM', bucket .. key, record.session)
  end
end

local function remove(record)
  call('HDEL', queue, record.session)
  unlist(record)
end

local function met(one, other)
  if one > other then
    one, other = other, one
  end
  return prefix .. 'met:' .. one .. ':' .. other
end

-- Those of a bucket who wait, with their tickets; who does not wait any more is taken out.
local function look_at(key, found)
  for _ = 1, TIMES do
    local members = call('ZRANGE', bucket .. key, 0, LOOKED_AT - 1)
    local is_swept = false
    for _, session in ipairs(members) do
      if not found[session] then
        local record = read(session)
        if not record then
          call('ZREM', bucket .. key, session)
          is_swept = true
        elseif stamp_of(record.node) ~= record.stamp then
          remove(record)
          is_swept = true
        else
          found[session] = true
          found[#found + 1] = record
        end
      end
    end
    if not is_swept or #members < LOOKED_AT then
      return
    end
  end
end

-- Whoever waited longest and suits; of those who have met lately, only if there is nobody else.
local function partner_of(seeker)
  local found = {}
  local buckets = 0
  for key in gmatch(seeker.keys, '[^\n]+') do
    look_at(key, found)
    buckets = buckets + 1
  end
  if buckets > 1 then
    table.sort(found, function(one, other)
      return one.ticket < other.ticket
    end)
  end
  local last_resort
  for _, other in ipairs(found) do
    local is_apart = other.session == seeker.session
      or other.identity == seeker.identity
      or find(seeker.blocks, other.identity, 1, true)
      or find(other.blocks, seeker.identity, 1, true)
    if not is_apart then
      if apart_ms == 0 or call('EXISTS', met(seeker.identity, other.identity)) == 0 then
        return other
      end
      last_resort = last_resort or other
    end
  end
  return last_resort
end

local function tell(whose, text)
  local lines = told[whose] or {}
  told[whose] = lines
  lines[#lines + 1] = text
end

local function pair(one, other)
  local first, second = one, other
  if other.ticket < one.ticket then
    first, second = other, one
  end
  if apart_ms > 0 then
    call('SET', met(first.identity, second.identity), '', 'PX', apart_ms)
  end
  local text = format(
    '%s %s %s %.0f %s %s %s %.0f %.0f',
    first.node, first.session, first.stint, first.ticket,
    second.node, second.session, second.stint, second.ticket,
    math.max(0, now - first.ticket)
  )
  tell(first.node, text)
  if second.node ~= first.node then
    tell(second.node, text)
  end
end

local function answer(ticket, place)
  answers[#answers + 1] = ticket
  answers[#answers + 1] = place
end

local function seek(session, stint, ticket, identity, blocks, keys, known)
  local before = read(session)
  if not before and known ~= '' then
    return answer(-1, 0)
  end
  local is_new = false
  if before then
    ticket = before.ticket
  elseif ticket ~= '' then
    ticket = tonumber(ticket)
  else
    ticket = next_ticket
    next_ticket = ticket + 1
    is_new = true
  end
  local seeker = {
    session = session,
    node = node,
    stint = stint,
    ticket = ticket,
    identity = identity,
    blocks = blocks,
    keys = keys,
  }
  local partner = partner_of(seeker)
  if partner then
    if before then
      remove(before)
    end
    remove(partner)
    pair(seeker, partner)
    return answer(0, 0)
  end
  if before then
    unlist(before)
  end
  local record = format('%s %s %s %.0f %s\n%s\n%s', node, stamp, stint, ticket, identity, blocks, keys)
  local score = format('%.0f', ticket)
  call('HSET', queue, session, record)
  waiting = waiting + call('ZADD', line, score, session)
  for key in gmatch(keys, '[^\n]+') do
    call('ZADD', bucket .. key, score, session)
  end
  answer(ticket, is_new and waiting or call('ZRANK', line, session) + 1)
end

local i = 5
while i <= #ARGV do
  local operation, session = ARGV[i], ARGV[i + 1]
  if operation == 'seek' then
    seek(session, ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7])
    i = i + 8
  elseif operation == 'withdraw' then
    local record = read(session)
    if record and record.node == node then
      remove(record)
    end
    i = i + 2
  else
    answers[#answers + 1] = (call('ZRANK', line, session) or -1) + 1
    i = i + 2
  end
end

if next_ticket > first_ticket then
  call('SET', prefix .. 'ticket', format('%.0f', next_ticket - 1))
end
for whose, lines in pairs(told) do
  local number = call('HINCRBY', prefix .. 'matches', whose, 1)
  local text = table.concat(lines, '\n')
  call('XADD', prefix .. 'mail:' .. whose, 'NOMKSTREAM', 'MAXLEN', '~', MAIL_LENGTH, '*', 'q', number, 'p', text)
end
answers[1] = waiting
return answers

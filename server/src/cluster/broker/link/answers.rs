//! What Redis answers, and what entries of mail say. Pure.

use redis::{FromRedisValue, RedisError, RedisResult, Value};

use crate::cluster::broker::batch::{Answers, Batch, DirectoryAnswer, Entry, Look, Match, Matched, Reply};
use crate::cluster::broker::names::{NodeId, SessionKey, Ticket};
use crate::cluster::broker::post::Parcel;

/// Reads what the pipeline of `batch` gave, in its order.
pub(super) fn answers(batch: &Batch, mut values: impl Iterator<Item = Value>) -> RedisResult<Reply> {
    let mut answers = Answers::default();
    if batch.look.is_some() {
        let Some((matches, living, dead)) = next::<Option<(u64, Vec<String>, Vec<String>)>>(&mut values)?
        else {
            return Ok(Reply::Fenced);
        };
        let living = living
            .as_chunks::<2>()
            .0
            .iter()
            .filter_map(|[node, life]| Some((NodeId::try_from(node.clone()).ok()?, life.parse().ok()?)));
        let dead = dead.into_iter().filter_map(|node| NodeId::try_from(node).ok());
        answers.look = Some(Look { matches, living: living.collect(), dead: dead.collect() });
    }
    if !batch.directory.is_empty() {
        let Some(texts) = next::<Option<Vec<Option<String>>>>(&mut values)? else {
            return Ok(Reply::Fenced);
        };
        let answer = |[node, memory]: &[Option<String>; 2]| DirectoryAnswer {
            node: node.clone().and_then(|node| NodeId::try_from(node).ok()),
            memory: memory.clone(),
        };
        answers.directory = texts.as_chunks::<2>().0.iter().map(answer).collect();
    }
    if !batch.queue.is_empty() {
        let Some(mut numbers) = next::<Option<Vec<i64>>>(&mut values)? else { return Ok(Reply::Fenced) };
        if numbers.is_empty() {
            return Err(unexpected());
        }
        answers.waiting = u32::try_from(numbers.remove(0)).unwrap_or(u32::MAX);
        answers.queue = numbers;
    }
    if batch.sweep.is_some() {
        let Some(cursor) = next::<Option<String>>(&mut values)? else { return Ok(Reply::Fenced) };
        answers.sweep = Some(cursor);
    }
    for _ in &batch.parcels {
        answers.parcels.push(next::<Option<String>>(&mut values)?.is_some());
    }
    Ok(Reply::Done(answers))
}

fn next<T: FromRedisValue>(values: &mut impl Iterator<Item = Value>) -> RedisResult<T> {
    let value = values.next().ok_or_else(unexpected)?;
    Ok(redis::from_redis_value(value)?)
}

/// What an entry of this node's mail says, if it is one that a node writes.
pub(in crate::cluster::broker) fn entry(node: &NodeId, fields: Vec<String>) -> Option<Entry> {
    let mut fields = fields.into_iter();
    match (fields.next()?.as_str(), fields.next()?) {
        ("h", header) => {
            let mut words = header.split(' ');
            let from = NodeId::try_from(words.next()?.to_owned()).ok()?;
            let mut number = || number(words.next()?);
            let (life, to_life, epoch, first) = (number()?, number()?, number()?, number()?);
            let mail = fields.skip(1).step_by(2).collect();
            Some(Entry::Parcel(Parcel { from, to: node.clone(), life, to_life, epoch, first, mail }))
        }
        ("q", number) => {
            let text = fields.nth(1)?;
            let matches = text.lines().filter_map(matched).collect();
            Some(Entry::Matches { number: self::number(&number)?, matches })
        }
        ("b", _) => Some(Entry::Birth),
        _ => None,
    }
}

fn matched(line: &str) -> Option<Match> {
    let mut words = line.split(' ');
    let mut one = || {
        Some(Matched {
            node: NodeId::try_from(words.next()?.to_owned()).ok()?,
            session: SessionKey::try_from(words.next()?.to_owned()).ok()?,
            stint: number(words.next()?)?,
            ticket: Ticket(number(words.next()?)?),
        })
    };
    let (first, second) = (one()?, one()?);
    Some(Match { first, second, waited_us: number(words.next()?)? })
}

/// A number as scripts have them, which count in doubles: another one after it is a number, too.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number < 1 << 53)
}

pub(super) fn unexpected() -> RedisError {
    RedisError::from((redis::ErrorKind::UnexpectedReturnType, "another answer than was expected"))
}

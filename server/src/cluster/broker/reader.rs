//! The task that reads the mail of this node.

use std::sync::Arc;

use redis::{RedisError, RedisResult};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::batch::Entry;
use super::link::{Link, Position, Reading};

/// Parts of the mail that may wait for the broker.
const PARTS_QUEUED: usize = 4;

/// The task, which ends with this.
pub(super) struct Reader {
    news: mpsc::Receiver<RedisResult<News>>,
    _task: JoinSet<()>,
}

/// A part of the mail.
pub(super) struct News {
    pub(super) entries: Vec<Entry>,
    /// Up to where it goes.
    pub(super) position: Position,
}

impl Reader {
    pub(super) fn start(link: Arc<Link>, reading: Reading) -> Self {
        let (sender, news) = mpsc::channel(PARTS_QUEUED);
        let mut task = JoinSet::new();
        task.spawn(read(link, reading, sender));
        Self { news, _task: task }
    }

    pub(super) async fn next(&mut self) -> RedisResult<News> {
        let ended = || RedisError::from((redis::ErrorKind::Client, "nobody reads any more"));
        self.news.recv().await.unwrap_or_else(|| Err(ended()))
    }
}

async fn read(link: Arc<Link>, mut reading: Reading, sender: mpsc::Sender<RedisResult<News>>) {
    loop {
        let part = reading.next(&link).await;
        let has_failed = part.is_err();
        let news = part.map(|entries| News { entries, position: reading.position().clone() });
        if sender.send(news).await.is_err() || has_failed {
            return;
        }
    }
}

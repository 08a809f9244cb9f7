//! What is done in Redis at once, so that nobody sees the half of it.

use redis::RedisResult;
use redis::aio::MultiplexedConnection;

/// A script in Lua.
#[derive(Debug)]
pub(super) struct Script(redis::Script);

/// All of them.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) register: Script,
    pub(super) look: Script,
    pub(super) directory: Script,
    pub(super) queue: Script,
    pub(super) sweep: Script,
    pub(super) resign: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        let script = |text| Script(redis::Script::new(text));
        Self {
            register: script(include_str!("scripts/register.lua")),
            look: script(include_str!("scripts/look.lua")),
            directory: script(include_str!("scripts/directory.lua")),
            queue: script(include_str!("scripts/queue.lua")),
            sweep: script(include_str!("scripts/sweep.lua")),
            resign: script(include_str!("scripts/resign.lua")),
        }
    }

    /// Makes them known to Redis, which calls them by their hashes then.
    pub(super) async fn load(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let Self { register, look, directory, queue, sweep, resign } = self;
        for Script(script) in [register, look, directory, queue, sweep, resign] {
            script.load_async(connection).await?;
        }
        Ok(())
    }
}

impl Script {
    pub(super) fn hash(&self) -> &str {
        self.0.get_hash()
    }
}

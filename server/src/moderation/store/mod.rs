//! The database: SQLite within the program, or PostgreSQL. The queries are the same for both.

mod audit;
mod bans;
mod blocks;
mod people;
mod reports;

use std::borrow::Cow;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{Migration, MigrationSource, MigrationType, Migrator};
use sqlx::{Any, AnyPool, Executor as _, Row as _, Transaction};

use super::Moment;
use crate::config::DatabaseUrl;
pub(super) use audit::append;
pub(super) use bans::{delete as delete_ban, insert as insert_ban};
pub(super) use people::forget;
pub(super) use reports::resolve;

/// An open database, with the tables as they have to be.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: AnyPool,
}

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot open the database of the moderators")]
    Open(#[source] sqlx::Error),
    #[error("cannot bring the tables of the moderators' database up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    #[error("cannot read the moderators' database")]
    Read(#[source] sqlx::Error),
}

/// Sorts behind every id: they begin with a hexadecimal digit.
const BEHIND_ALL: &str = "g";

/// How long to wait for a connection to a database that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Every change of the tables, in order. What stands here once never changes.
const MIGRATIONS: [(i64, &str, &str); 1] =
    [(1, "moderation", include_str!("../../../migrations/0001_moderation.sql"))];

#[derive(Debug)]
struct Embedded;

impl MigrationSource<'static> for Embedded {
    fn resolve(
        self,
    ) -> std::pin::Pin<
        Box<dyn Future<Output = Result<Vec<Migration>, sqlx::error::BoxDynError>> + Send + 'static>,
    > {
        let migrations = MIGRATIONS.map(|(version, description, sql)| {
            Migration::new(version, description.into(), MigrationType::Simple, Cow::Borrowed(sql), false)
        });
        Box::pin(async move { Ok(migrations.into()) })
    }
}

impl Store {
    /// Opens the database, which is made if it is a file that is not there.
    pub(super) async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        // One actor asks, one thing after the other.
        let pool = AnyPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    if connection.backend_name() == "SQLite" {
                        // Others may read meanwhile, such as a backup; what is deleted is overwritten.
                        connection.execute("PRAGMA journal_mode = WAL").await?;
                        connection.execute("PRAGMA secure_delete = ON").await?;
                    }
                    Ok(())
                })
            })
            .connect(&url.complete())
            .await
            .map_err(OpenError::Open)?;
        let migrator = Migrator::new(Embedded).await.map_err(OpenError::Migrate)?;
        migrator.run(&pool).await.map_err(OpenError::Migrate)?;
        Ok(Self { pool })
    }

    pub(super) async fn begin(&self) -> sqlx::Result<Transaction<'static, Any>> {
        self.pool.begin().await
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A column that holds a time.
fn moment(row: &AnyRow, column: &str) -> sqlx::Result<Moment> {
    row.try_get(column).map(Moment::from_ms)
}

fn optional_moment(row: &AnyRow, column: &str) -> sqlx::Result<Option<Moment>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Moment::from_ms))
}

/// One more than fits, to see whether there are more.
fn one_more(limit: u32) -> i64 {
    i64::from(limit) + 1
}

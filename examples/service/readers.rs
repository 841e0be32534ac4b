//! The connections that read the database, which all workers share.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use perf_sdk::instrument::{ConnectionPool, PoolState};
use r2d2::{ManageConnection, Pool, PooledConnection};
use rusqlite::{Connection, OpenFlags};

use crate::store::Reader;

/// A job that gets no connection within this time fails.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the database gave no answer.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Error {
    Sqlite(rusqlite::Error),
    /// All connections were in use for too long, or none could be opened.
    NoConnection(r2d2::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(f),
            Self::NoConnection(error) => write!(f, "there is no connection: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<r2d2::Error> for Error {
    fn from(error: r2d2::Error) -> Self {
        Self::NoConnection(error)
    }
}

/// A pool of connections. A clone is the same pool.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    pool: Pool<Database>,
    watched: ConnectionPool,
}

/// A connection until it is dropped.
pub(crate) type Taken = PooledConnection<Database>;

impl Readers {
    /// A pool of `size` connections at most to an existing database.
    pub(crate) fn open(path: &Path, size: u32) -> Result<Self, Error> {
        let database = Database(path.to_owned());
        // Each holds descriptors, so those that nobody takes are not opened.
        let pool = Pool::builder().max_size(size).min_idle(Some(1)).connection_timeout(PATIENCE);
        let pool = pool.test_on_check_out(false);
        let pool = pool.build(database)?;
        let told = pool.clone();
        let watched = perf_sdk::watch_pool("readers").state(move || {
            let (size, now) = (told.max_size().into(), told.state());
            let in_use = now.connections - now.idle_connections;
            PoolState { size, idle: now.idle_connections.into(), in_use: in_use.into(), waiting: None }
        });
        Ok(Self { pool, watched })
    }

    /// Waits for a connection.
    pub(crate) fn take(&self) -> Result<Taken, Error> {
        // The only error is that the time was over.
        Ok(self.watched.checkout(|| self.pool.get(), |_timeout| true)?)
    }
}

/// The path of the database.
pub(crate) struct Database(PathBuf);

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ManageConnection for Database {
    type Connection = Reader;
    type Error = rusqlite::Error;

    fn connect(&self) -> rusqlite::Result<Reader> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.0, flags)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.set_prepared_statement_cache_capacity(8);
        Ok(Reader(connection))
    }

    fn is_valid(&self, _connection: &mut Reader) -> rusqlite::Result<()> {
        Ok(()) // a file does not hang up
    }

    fn has_broken(&self, _connection: &mut Reader) -> bool {
        false
    }
}

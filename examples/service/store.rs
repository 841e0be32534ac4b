//! The persistent data in SQLite: files, their items, and the words of each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rusqlite::{Connection, Row, TransactionBehavior, params};

use crate::corpus::File;
use crate::kind::Kind;

pub(crate) type Result<T> = rusqlite::Result<T>;

/// What requests ask of the database. Each function of [`Reader`] runs one statement, so that who
/// runs too many of them is one of its callers.
static ASKED: LazyLock<perf_sdk::instrument::Query> =
    LazyLock::new(|| perf_sdk::watch_query("store").slow(Duration::from_millis(20)).through(1));

/// Increased with every change of the tables or of the word splitting. An older database is
/// recreated.
const VERSION: i64 = 1;

// The text is the last column, so that reading the other ones at the start does not access its
// pages.
const SCHEMA: &str = "
    CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE,
        bytes INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        hash INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
        kind INTEGER NOT NULL,
        name TEXT NOT NULL,
        first_line INTEGER NOT NULL,
        last_line INTEGER NOT NULL,
        length INTEGER NOT NULL,
        words BLOB NOT NULL,
        text TEXT NOT NULL
    ) STRICT;
    CREATE INDEX documents_by_file ON documents (file);
    CREATE TABLE words (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;";

/// The connection that writes.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
}

/// A connection that reads.
#[derive(Debug)]
pub(crate) struct Reader(pub(crate) Connection);

/// A file in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: i64,
    pub(crate) bytes: u64,
    pub(crate) modified_ns: i64,
    pub(crate) hash: u64,
}

/// An item to be written.
#[derive(Clone, Debug)]
pub(crate) struct NewDocument<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    pub(crate) lines: (u32, u32),
    /// The number of words in the item.
    pub(crate) length: u32,
    /// In the form that `postings::encode` returns.
    pub(crate) words: &'a [u8],
    pub(crate) text: &'a str,
}

/// An item to be displayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) id: i64,
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) first_line: u32,
    pub(crate) last_line: u32,
    pub(crate) text: String,
}

/// An item for the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) id: i64,
    pub(crate) kind: Kind,
    pub(crate) length: u32,
    pub(crate) words: &'a [u8],
}

#[perf_sdk::profiled]
impl Store {
    /// Opens the database for writing, and creates it if necessary.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        // A crash loses at most the last refresh, which the next start repeats.
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version != VERSION {
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; DROP TABLE IF EXISTS documents; DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS words;
                {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
        }
        Ok(Self { connection })
    }

    /// All words. The position of each is its number.
    pub(crate) fn words(&self) -> Result<Vec<Arc<str>>> {
        words(&self.connection)
    }

    /// Makes all changes of `write`, or none. Waits for transactions of other processes.
    pub(crate) fn transaction<T, E: From<rusqlite::Error>>(
        &mut self,
        write: impl FnOnce(&mut Writer<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = write(&mut Writer { connection: &transaction })?;
        transaction.commit()?;
        ASKED.transaction(true);
        // Returns the log's space to the file system. If a reader elsewhere prevents it, the next
        // transaction does it.
        let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        Ok(done)
    }

    /// The smallest and the largest id of an item.
    pub(crate) fn span(&self) -> Result<Option<(i64, i64)>> {
        self.connection.query_row("SELECT min(id), max(id) FROM documents", [], |row| {
            let (first, last): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
            Ok(first.zip(last))
        })
    }
}

#[perf_sdk::profiled]
impl Reader {
    /// Calls `each` for every item with an id from `first` to `last`, in order.
    pub(crate) fn entries(&self, first: i64, last: i64, mut each: impl FnMut(Entry<'_>)) -> Result<()> {
        let query = "SELECT id, kind, length, words FROM documents WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
        let mut statement = self.0.prepare_cached(query)?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            let words = row.get_ref(3)?.as_blob()?;
            each(Entry { id: row.get(0)?, kind: kind(row, 1)?, length: row.get(2)?, words });
        }
        Ok(())
    }

    /// The items with these ids that were not removed, in this order.
    pub(crate) fn documents(&self, ids: &[i64]) -> Result<Vec<Document>> {
        // `CROSS JOIN` keeps the order of the tables, and with it that of the ids.
        const QUERY: &str = "SELECT documents.id, files.path, kind, name, first_line, last_line, text
            FROM json_each(?1) AS wanted CROSS JOIN documents ON documents.id = wanted.value
            CROSS JOIN files ON files.id = documents.file";
        let wanted = serde_json::Value::from(ids).to_string();
        let asked = ASKED.statement(QUERY).values(&wanted);
        let found = asked
            .run(|| self.0.prepare_cached(QUERY)?.query_map([&wanted], document)?.collect::<Result<Vec<Document>>>())?;
        asked.rows(found.len() as u64);
        asked.explain(|| self.plan(QUERY, &wanted));
        Ok(found)
    }

    /// How many items have this text in them: reads all of them.
    pub(crate) fn mentions(&self, text: &str) -> Result<i64> {
        const QUERY: &str = "SELECT count(*) FROM documents WHERE instr(lower(text), lower(?1)) > 0";
        let asked = ASKED.statement(QUERY).values(&text);
        let count = asked.run(|| self.0.prepare_cached(QUERY)?.query_row([text], |row| row.get(0)))?;
        asked.rows(1);
        asked.explain(|| self.plan(QUERY, text));
        Ok(count)
    }

    /// How SQLite runs a statement with one parameter. `None` if it does not say.
    fn plan(&self, query: &str, value: &str) -> Option<String> {
        let mut statement = self.0.prepare(&format!("EXPLAIN QUERY PLAN {query}")).ok()?;
        let lines = statement.query_map([value], |row| row.get("detail")).ok()?;
        Some(lines.collect::<Result<Vec<String>>>().ok()?.join("\n"))
    }
}

fn document(row: &Row<'_>) -> Result<Document> {
    Ok(Document {
        id: row.get(0)?,
        path: row.get(1)?,
        kind: kind(row, 2)?,
        name: row.get(3)?,
        first_line: row.get(4)?,
        last_line: row.get(5)?,
        text: row.get(6)?,
    })
}

/// The changes of one transaction.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    connection: &'a Connection,
}

impl Writer<'_> {
    /// All files, by path.
    pub(crate) fn files(&self) -> Result<HashMap<PathBuf, Known>> {
        let mut statement = self.connection.prepare("SELECT path, id, bytes, modified_ns, hash FROM files")?;
        let rows = statement.query_map([], |row| {
            let known = Known {
                id: row.get(1)?,
                bytes: row.get::<_, i64>(2)? as u64,
                modified_ns: row.get(3)?,
                hash: row.get::<_, i64>(4)? as u64,
            };
            Ok((PathBuf::from(row.get::<_, String>(0)?), known))
        })?;
        rows.collect()
    }

    /// All words. The position of each is its number.
    pub(crate) fn words(&self) -> Result<Vec<Arc<str>>> {
        words(self.connection)
    }

    /// Removes a file and its items.
    pub(crate) fn remove(&mut self, file: i64) -> Result<()> {
        self.connection.prepare_cached("DELETE FROM files WHERE id = ?1")?.execute([file]).map(drop)
    }

    /// Records that a file was touched without a change of its content.
    pub(crate) fn touch(&mut self, file: i64, modified_ns: i64) -> Result<()> {
        let query = "UPDATE files SET modified_ns = ?2 WHERE id = ?1";
        self.connection.prepare_cached(query)?.execute([file, modified_ns]).map(drop)
    }

    /// Adds a file and returns its id.
    pub(crate) fn add_file(&mut self, file: &File, hash: u64) -> Result<i64> {
        let query = "INSERT INTO files (path, bytes, modified_ns, hash) VALUES (?1, ?2, ?3, ?4)";
        let values = params![file.path.to_string_lossy(), file.bytes as i64, file.modified_ns, hash as i64];
        self.connection.prepare_cached(query)?.insert(values)
    }

    pub(crate) fn add_document(&mut self, file: i64, document: &NewDocument<'_>) -> Result<()> {
        let query = "INSERT INTO documents (file, kind, name, first_line, last_line, length, words, text)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let NewDocument { kind, name, lines, length, words, text } = document;
        let values = params![file, *kind as u8, name, lines.0, lines.1, length, words, text];
        self.connection.prepare_cached(query)?.execute(values).map(drop)
    }

    pub(crate) fn add_word(&mut self, id: u32, text: &str) -> Result<()> {
        let query = "INSERT INTO words (id, text) VALUES (?1, ?2)";
        self.connection.prepare_cached(query)?.execute(params![id, text]).map(drop)
    }
}

fn words(connection: &Connection) -> Result<Vec<Arc<str>>> {
    let mut statement = connection.prepare("SELECT text FROM words ORDER BY id")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn kind(row: &Row<'_>, column: usize) -> Result<Kind> {
    let number = row.get(column)?;
    Kind::from_number(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number.into()))
}

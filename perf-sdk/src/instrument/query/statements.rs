//! The statements of one database, by their shape.

use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use super::dialect::Dialect;
use super::shape::{Control, Shape, hash};
use crate::base::fork::Lock;
use crate::instrument::durations::Durations;
use crate::instrument::stripes::Counts;
use crate::memory;
use crate::reading::Labels;

/// The maximum number of shapes of one database. Further ones are counted as [`OTHER`].
pub(super) const MAX_SHAPES: usize = 128;
pub(super) const OTHER: &str = "(other)";

/// The maximum number of texts of one database whose shape is remembered.
const TEXTS: usize = 1 << 10;
const MAX_PROBES: usize = 8;
/// The maximum length of a text that is remembered, and of all of them, in bytes.
const MAX_TEXT_BYTES: usize = 4 << 10;
const MAX_ALL_BYTES: usize = 1 << 20;

/// Shapes and texts are added one at a time.
static ADDING: Lock<()> = Lock::new(());

/// Counters of a statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counter {
    Rows,
    Errors,
    Cancelled,
    Slow,
    NPlusOne,
    Duplicates,
    FullScans,
}

pub(super) const COUNTERS: usize = 7;
/// The number of counters that are metrics of a statement.
pub(super) const PROBLEMS: usize = 4;

/// All statements of one shape.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) shape: Box<str>,
    pub(super) labels: Labels,
    /// Labels of problems, made when there is the first one.
    pub(super) problems: [OnceLock<Labels>; PROBLEMS],
    /// Distinguishes it from all others of the process.
    pub(super) key: u64,
    pub(super) durations: Durations,
    pub(super) counts: Counts<COUNTERS>,
    /// The first text, if it is short enough to be explained.
    pub(super) first: Option<Box<str>>,
    /// Whether its plan was asked for, and whether that has a full scan.
    pub(super) is_explained: AtomicBool,
    pub(super) has_full_scan: AtomicBool,
    pub(super) slowest_ns: AtomicU64,
}

/// A statement and what its text says beside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) statement: &'static Statement,
    pub(super) literals: u64,
    pub(super) has_parameters: bool,
    pub(super) control: Option<Control>,
}

#[derive(Debug)]
struct Text {
    sql: Box<str>,
    hash: u64,
    known: Known,
}

/// The statements of one database. Nothing is removed, so reading takes no lock.
#[derive(Debug)]
pub(super) struct Statements {
    shapes: [OnceLock<&'static Statement>; MAX_SHAPES],
    other: OnceLock<&'static Statement>,
    number: AtomicUsize,
    texts: Box<[OnceLock<Text>]>,
    bytes: AtomicUsize,
    /// Hashes of texts with literals that were seen once: most of these are never seen again.
    seen: Box<[AtomicU32]>,
}

impl Statements {
    pub(super) fn new() -> Self {
        Self {
            shapes: [const { OnceLock::new() }; MAX_SHAPES],
            other: OnceLock::new(),
            number: AtomicUsize::new(0),
            texts: (0..TEXTS).map(|_| OnceLock::new()).collect(),
            bytes: AtomicUsize::new(0),
            seen: (0..TEXTS).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &'static Statement> {
        let number = self.number.load(Acquire);
        self.shapes[..number].iter().chain([&self.other]).filter_map(|shape| shape.get().copied())
    }

    /// The statement with this text, whose labels `labels` makes of its shape.
    ///
    /// **Cost.** A hash and a comparison of the text if it is remembered; else it is read.
    #[inline]
    pub(super) fn find(&self, sql: &str, dialect: Dialect, labels: impl Fn(&str) -> Labels) -> Known {
        let hash = hash(dialect as u64, sql.as_bytes());
        for probe in 0..MAX_PROBES {
            match self.texts[(hash as usize).wrapping_add(probe) % TEXTS].get() {
                Some(text) if text.hash == hash && *text.sql == *sql => return text.known,
                Some(_) => {}
                None => break,
            }
        }
        memory::uncounted(|| self.add(sql, hash, dialect, labels))
    }

    #[cold]
    #[inline(never)]
    fn add(&self, sql: &str, hash: u64, dialect: Dialect, labels: impl Fn(&str) -> Labels) -> Known {
        let shape = Shape::of(sql, dialect);
        let statement = self.of_shape(&shape, sql, labels);
        let Shape { literals, has_parameters, control, .. } = shape;
        let known = Known { statement, literals, has_parameters, control };
        if sql.len() <= MAX_TEXT_BYTES && (!shape.has_literals || self.was_seen(hash)) {
            self.remember(sql, hash, known);
        }
        known
    }

    /// Whether a text with this hash was here before.
    fn was_seen(&self, hash: u64) -> bool {
        let (place, mark) = (&self.seen[hash as usize % TEXTS], (hash >> 32) as u32 | 1);
        place.swap(mark, Relaxed) == mark
    }

    fn remember(&self, sql: &str, hash: u64, known: Known) {
        let _adding = ADDING.lock();
        if self.bytes.load(Relaxed) + sql.len() > MAX_ALL_BYTES {
            return;
        }
        let mut places = (0..MAX_PROBES).map(|probe| &self.texts[(hash as usize).wrapping_add(probe) % TEXTS]);
        if let Some(place) = places.find(|place| place.get().is_none()) {
            self.bytes.fetch_add(sql.len(), Relaxed);
            let _ = place.set(Text { sql: sql.into(), hash, known });
        }
    }

    fn with_shape(&self, shape: &str) -> Option<&'static Statement> {
        self.all().find(|statement| *statement.shape == *shape)
    }

    fn of_shape(&self, shape: &Shape, sql: &str, labels: impl Fn(&str) -> Labels) -> &'static Statement {
        if let Some(known) = self.with_shape(&shape.text) {
            return known;
        }
        let _adding = ADDING.lock();
        if let Some(known) = self.with_shape(&shape.text) {
            return known;
        }
        let number = self.number.load(Acquire);
        let Some(place) = self.shapes.get(number).filter(|_| shape.text != OTHER) else {
            return self.other.get_or_init(|| Statement::allocate(OTHER, None, labels(OTHER)));
        };
        let first = (sql.len() <= MAX_TEXT_BYTES && shape.control.is_none()).then(|| sql.into());
        let statement = place.get_or_init(|| Statement::allocate(&shape.text, first, labels(&shape.text)));
        self.number.store(number + 1, Release);
        statement
    }

    pub(super) fn reset(&self) {
        for statement in self.all() {
            statement.durations.reset();
            statement.counts.reset();
            statement.slowest_ns.store(0, Relaxed);
        }
    }
}

impl Statement {
    /// It is never freed: there are [`MAX_SHAPES`] of a database at most.
    fn allocate(shape: &str, first: Option<Box<str>>, labels: Labels) -> &'static Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Box::leak(Box::new(Self {
            shape: shape.into(),
            labels,
            problems: [const { OnceLock::new() }; PROBLEMS],
            key: hash(0, &NEXT.fetch_add(1, Relaxed).to_le_bytes()),
            durations: Durations::new(),
            counts: Counts::new(),
            first,
            is_explained: AtomicBool::new(false),
            has_full_scan: AtomicBool::new(false),
            slowest_ns: AtomicU64::new(0),
        }))
    }

    #[inline]
    pub(super) fn count(&self, counter: Counter, n: u64) {
        self.counts.add(counter as usize, n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(statements: &Statements, sql: &str) -> Known {
        statements.find(sql, Dialect::Standard, |_| Labels::NONE)
    }

    fn is_remembered(statements: &Statements, sql: &str) -> bool {
        statements.texts.iter().filter_map(OnceLock::get).any(|text| *text.sql == *sql)
    }

    #[test]
    fn equal_shapes_are_one_statement_and_texts_are_remembered() {
        let statements = Statements::new();
        let [a, b] = [1, 2].map(|id| find(&statements, &format!("SELECT a FROM t WHERE id = {id}")));
        assert!(std::ptr::eq(a.statement, b.statement));
        assert_ne!(a.literals, b.literals);
        assert!(!is_remembered(&statements, "SELECT a FROM t WHERE id = 1"), "it was seen once");
        find(&statements, "SELECT a FROM t WHERE id = 1");
        assert!(is_remembered(&statements, "SELECT a FROM t WHERE id = 1"));
        let bound = find(&statements, "SELECT a FROM t WHERE id = $1");
        assert!(is_remembered(&statements, "SELECT a FROM t WHERE id = $1"));
        assert!(std::ptr::eq(a.statement, bound.statement) && bound.has_parameters && !a.has_parameters);
        let again = find(&statements, "SELECT a FROM t WHERE id = 1");
        assert_eq!((again.literals, again.has_parameters), (a.literals, false));
    }

    #[test]
    fn shapes_and_texts_are_bounded() {
        let statements = Statements::new();
        for n in 0..2 * TEXTS {
            let known = find(&statements, &format!("SELECT c{n} FROM t"));
            assert_eq!(*known.statement.shape == *OTHER, n >= MAX_SHAPES, "{n}");
        }
        assert_eq!(statements.all().count(), MAX_SHAPES + 1);
        let long = format!("SELECT '{}'", "x".repeat(MAX_TEXT_BYTES));
        (0..3).for_each(|_| _ = find(&statements, &long));
        assert!(!is_remembered(&statements, &long));
        let statements = Statements::new();
        for n in 0..400 {
            find(&statements, &format!("SELECT c{} FROM t{n}", "x".repeat(4_000)));
        }
        assert!(statements.bytes.load(Relaxed) <= MAX_ALL_BYTES);
    }
}

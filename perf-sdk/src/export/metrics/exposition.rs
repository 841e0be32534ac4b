//! A scrape: the profiler's metrics and the user's, in the requested format.

use std::borrow::Borrow;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::families;
use super::family::{Distributed, Encoding};
use super::floors::{Floor, Floors, Marked};
use super::names::Names;
use super::negotiate::Format;
use super::openmetrics::OpenMetrics;
#[cfg(feature = "otlp")]
use super::otlp::Otlp;
use super::prometheus::Prometheus;
use super::protobuf::Protobuf;
use super::row::{Of, Source};
use super::text::Lines;
use super::user;
use super::user_histogram::UserHistogram;
use crate::base::process_identity::Process;
use crate::base::unpoisoned::Unpoisoned as _;
use crate::snapshot::{Figures, Function, FunctionPart, LateDistribution, LateFunctions, Snapshot};

/// The number of functions of one family that are written in one piece, in formats that do not need
/// a family's length: of distributions, and of other figures. That is some ten kilobytes of text.
const PIECES: [usize; 2] = [8, 128];

/// Writes scrapes. It keeps the high-water marks of counters and the names of the user's metrics
/// from one scrape to the next.
///
/// An exclusive figure is a difference of two estimates, and the time of a function that does
/// nothing is a difference of two readings. Both may decrease for a moment, which Prometheus would
/// take for a restart. So their high-water mark is written; the snapshot has the signed estimate.
/// Use one exposition for all scrapes of a process.
///
/// ```
/// use perf_sdk::export::{Exposition, Format};
///
/// let exposition = Exposition::new(); // one, for all scrapes
/// perf_sdk::measure("work", || ());
///
/// let mut body = Vec::new();
/// exposition.write(Format::Text, &perf_sdk::snapshot(), None, &mut body)?;
/// assert!(String::from_utf8_lossy(&body).contains("function_calls_total{function=\"work\""));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// **Cost.** Linear in functions and cells of histograms: a text of 12.7 MB for 1,000 functions
/// with full ones. A counter's highest value is kept for each function.
#[derive(Debug, Default)]
pub struct Exposition {
    floors: Arc<Mutex<Floors>>,
    names: Arc<Mutex<Names>>,
}

impl Exposition {
    /// An exposition without any history.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reserves names of readings that may appear in later scrapes: the user's metrics do not take
    /// them meanwhile.
    #[cfg(any(feature = "otlp", feature = "serve"))]
    pub(crate) fn expect(&self, names: &[&str]) {
        self.names.lock().unpoisoned().expect(names.iter().copied());
    }

    /// Writes all metrics of `snapshot`, and those in `user`, the text of a
    /// `metrics-exporter-prometheus` recorder.
    ///
    /// A user's metric whose name the profiler uses is renamed to `user_…`, and its help text says
    /// so. Two of the user's metrics may conflict in their names or samples, such as a gauge `x`
    /// and a histogram `x`, or a gauge `x_count` and a histogram `x`. Then the one that appears
    /// later is renamed to `user_KIND_…`. A metric keeps its name for all scrapes of this
    /// exposition. Labels named `""` and `__name__`, which Prometheus rejects, are renamed to
    /// `label_` and `label___name__`.
    ///
    /// # Errors
    /// Any error of the writer.
    pub fn write(
        &self,
        format: Format,
        snapshot: &Snapshot,
        user: Option<&str>,
        to: &mut impl Write,
    ) -> io::Result<()> {
        let mut pieces = self.pieces(snapshot, None, user, Vec::new());
        let mut piece = Vec::new();
        while pieces.write_next(format, &mut piece)? {
            to.write_all(&piece)?;
            piece.clear();
        }
        Ok(())
    }

    /// As [`write`](Self::write), but piece by piece as requested, and with `histograms` of the
    /// user's. The functions are those of the snapshot, or `late` ones.
    pub(crate) fn pieces<S: Borrow<Snapshot>, U: AsRef<str>>(
        &self,
        snapshot: S,
        late: Option<Box<dyn LateFunctions>>,
        user: Option<U>,
        histograms: Vec<UserHistogram>,
    ) -> Pieces<S, U> {
        let process = Process::current();
        let (places, overhead_ns) = {
            let mut floors = self.floors.lock().unpoisoned();
            let places = match &late {
                Some(late) => {
                    floors.places(late.figures().iter().map(|function| (function.module, function.name)), process)
                }
                None => {
                    let functions = snapshot.borrow().functions.iter();
                    floors.places(functions.map(|function| (&*function.module, &*function.name)), process)
                }
            };
            (places, floors.raise_overhead(snapshot.borrow().profiler.overhead_ns, process))
        };
        Pieces {
            snapshot,
            late,
            read: Vec::new(),
            lines: Lines::default(),
            floors: Arc::clone(&self.floors),
            places,
            raised: Vec::new(),
            overhead_ns,
            names: Arc::clone(&self.names),
            user,
            histograms,
            row: 0,
            function: 0,
            is_headed: false,
            is_over: false,
        }
    }
}

/// A scrape in progress.
#[derive(Debug)]
pub(crate) struct Pieces<S, U> {
    snapshot: S,
    late: Option<Box<dyn LateFunctions>>,
    /// Late distributions that were read for the latest piece.
    read: Vec<LateDistribution>,
    /// The memory for the text of the latest piece.
    lines: Lines,
    floors: Arc<Mutex<Floors>>,
    places: Marked,
    /// The high-water marks of the latest piece.
    raised: Vec<Floor>,
    overhead_ns: u64,
    names: Arc<Mutex<Names>>,
    user: Option<U>,
    histograms: Vec<UserHistogram>,
    /// The next piece begins at this row and this function. After the last row follow readings, the
    /// user's metrics and the end.
    row: usize,
    function: usize,
    /// Whether a part of that row was written.
    is_headed: bool,
    /// Whether readings, the user's metrics and the end were written.
    is_over: bool,
}

impl<S: Borrow<Snapshot>, U: AsRef<str>> Pieces<S, U> {
    /// Writes the next piece, in the same format as the others, which may be empty. False if there
    /// was none left.
    pub(crate) fn write_next(&mut self, format: Format, to: &mut Vec<u8>) -> io::Result<bool> {
        let mut lines = std::mem::take(&mut self.lines);
        let goes_on = match format {
            Format::Text => self.encode_next(&mut Prometheus::new(to, &mut lines), PIECES),
            Format::OpenMetrics => self.encode_next(&mut OpenMetrics::new(to, &mut lines), PIECES),
            Format::Protobuf => self.encode_next(&mut Protobuf::new(to), [usize::MAX; 2]),
        };
        self.lines = lines;
        goes_on
    }

    /// As [`write_next`](Self::write_next), as messages of OTLP.
    #[cfg(feature = "otlp")]
    pub(crate) fn encode_otlp(&mut self, to: &mut Otlp<'_>) -> io::Result<bool> {
        self.encode_next(to, [16; 2])
    }

    /// `most`: the maximum number of functions in one piece, as in [`PIECES`].
    fn encode_next(&mut self, encoding: &mut impl Encoding, most: [usize; 2]) -> io::Result<bool> {
        let Some(row) = families::row(self.row) else {
            if std::mem::replace(&mut self.is_over, true) {
                return Ok(false);
            }
            let mut families = self.user.as_ref().map(|user| user::parse(user.as_ref())).unwrap_or_default();
            families.extend(self.histograms.iter().filter_map(UserHistogram::family));
            let mut readings = families::of_readings(self.snapshot.borrow());
            readings.extend(families::of_distributions(self.snapshot.borrow()));
            self.names.lock().unpoisoned().give(&mut readings, &mut families);
            for family in readings.into_iter().chain(families) {
                encoding.family(&family.head, true, &mut family.metrics.iter().cloned())?;
            }
            encoding.end()?;
            return Ok(true);
        };
        let (snapshot, overhead_ns) = (self.snapshot.borrow(), self.overhead_ns);
        let mut source = Source::of_process(snapshot, overhead_ns);
        let (mut end, mut all) = (0, 0);
        let (of_snapshot, distributions): (Vec<Figures<'_>>, Vec<Distributed<'_>>);
        if let Of::Functions(part) = row.of {
            all = self.late.as_ref().map_or(snapshot.functions.len(), |late| late.figures().len());
            let [few, many] = most;
            end = all.min(self.function.saturating_add(if part == FunctionPart::Figures { many } else { few }));
            let range = self.function..end;
            let functions = match &mut self.late {
                Some(late) => {
                    if part == FunctionPart::Figures {
                        distributions = Vec::new();
                    } else {
                        late.read(range.clone(), part, &mut self.read);
                        let functions = late.figures()[range.clone()].iter();
                        distributions =
                            functions.zip(&self.read).map(|(figures, read)| of_late(figures, part, read)).collect();
                    }
                    &late.figures()[range.clone()]
                }
                None => {
                    let functions = &snapshot.functions[range.clone()];
                    distributions = functions.iter().map(|function| of_function(function, part)).collect();
                    of_snapshot = functions.iter().map(Figures::of).collect();
                    &of_snapshot
                }
            };
            // The lock is not held while writing, because a reader may be slow.
            let read = (part, &*distributions);
            self.floors.lock().unpoisoned().raise(&self.places, range, functions, read, &mut self.raised);
            source = Source { snapshot, overhead_ns, functions, floors: &self.raised, distributions: &distributions };
        }
        let mut metrics = (row.metrics)(source).peekable();
        if metrics.peek().is_some() {
            encoding.family(&row.head(), !self.is_headed, &mut metrics)?;
            self.is_headed = true;
        }
        drop(metrics);
        self.function = end;
        if end >= all {
            (self.row, self.function, self.is_headed) = (self.row + 1, 0, false);
        }
        Ok(true)
    }
}

fn of_function(function: &Function, part: FunctionPart) -> Distributed<'_> {
    match part {
        FunctionPart::Figures => Distributed { histogram: None, exemplars: &[] },
        FunctionPart::Wall => Distributed { histogram: Some(&function.wall), exemplars: &function.exemplars },
        FunctionPart::Cpu => Distributed { histogram: function.cpu.as_ref(), exemplars: &[] },
        FunctionPart::Bytes => Distributed { histogram: function.bytes.as_ref(), exemplars: &[] },
    }
}

fn of_late<'a>(figures: &Figures<'_>, part: FunctionPart, read: &'a LateDistribution) -> Distributed<'a> {
    let is_measured = match part {
        FunctionPart::Figures => false,
        FunctionPart::Wall => true,
        FunctionPart::Cpu => figures.has_cpu,
        FunctionPart::Bytes => figures.has_bytes,
    };
    Distributed { histogram: is_measured.then_some(&read.histogram), exemplars: &read.exemplars }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(self_wall_ns: i64, overhead_ns: u64) -> Snapshot {
        let mut function = Function { name: "f".into(), module: "m".into(), ..Function::default() };
        function.exclusive.wall_ns = self_wall_ns;
        let mut snapshot = Snapshot { functions: vec![function], ..Snapshot::default() };
        snapshot.profiler.overhead_ns = overhead_ns;
        snapshot
    }

    fn scrape(exposition: &Exposition, snapshot: &Snapshot) -> Vec<String> {
        let mut text = Vec::new();
        exposition.write(Format::Text, snapshot, None, &mut text).unwrap();
        let wanted = |line: &&str| line.starts_with("function_self_seconds_total") || line.starts_with("perf_overhead");
        let text = String::from_utf8(text).unwrap();
        text.lines().filter(wanted).map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_counter_never_shrinks() {
        let exposition = Exposition::new();
        assert_eq!(scrape(&exposition, &snapshot(-5, 0)), ["0", "0"]);
        assert_eq!(scrape(&exposition, &snapshot(3_000_000_000, 500_000_000)), ["3", "0.5"]);
        assert_eq!(scrape(&exposition, &snapshot(2_000_000_000, 250_000_000)), ["3", "0.5"]);
        assert_eq!(scrape(&exposition, &snapshot(4_000_000_000, 750_000_000)), ["4", "0.75"]);
        assert_eq!(scrape(&Exposition::new(), &snapshot(2_000_000_000, 0)), ["2", "0"]);
    }
}

//! The history as the rest of the crate sees it.

use std::path::Path;

use super::answers::{self, Answer, Coverage};
use super::columns::Steps;
#[cfg(test)]
use super::columns::{self, Columns};
use super::counts::Counts;
use super::file::{self, FILE_MEMORY, FileCounts, FileError, Journal, WAITED_FOR};
use super::functions::{Functions, LONGEST_NAME, Pace};
use super::identity::{FunctionId, OwnedId};
use super::marks::{Mark, Marks};
use super::series::{Point, SeriesId, SeriesInfo, SeriesTable, TEN_STANDS_FOR};
use super::sparse;
use crate::base::footprint::{self, Part};
use crate::histogram::Histogram;
use crate::reading::{Kind, Reading, Unit};

/// All memory of the history.
pub(crate) const DEFAULT_BYTES: usize = 8 << 20;
/// With less there is none. So where the limit of the profiler's memory is below 16 MiB, of which
/// an eighth may be the history's, all of it is for records.
const LEAST_BYTES: usize = 2 << 20;
/// Series, at most, in the memory that is the default.
const MOST_SERIES: usize = 2_048;
/// The share of the memory that is for histograms, in sixteenths.
const FOR_TIMES: usize = 6;
/// Seconds between writes.
const WRITTEN_EVERY: u32 = 10;

/// What is recorded of a function, from its start until now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionReading<'a> {
    pub(crate) function: FunctionId<'a>,
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    /// Exclusive wall and CPU time.
    pub(crate) self_ns: u64,
    pub(crate) cpu_ns: Option<u64>,
    pub(crate) allocated_bytes: Option<u64>,
    pub(crate) live_bytes: Option<u64>,
    pub(crate) times: &'a Histogram,
    /// It was not called before the latest round in which it could have been read.
    pub(crate) is_new: bool,
}

/// The names of a function's series, each with the labels `function` and `module`.
pub(crate) const FUNCTION_SERIES: [(&str, Kind, Unit); 6] = [
    ("function_calls_total", Kind::Counter, Unit::Count),
    ("function_errors_total", Kind::Counter, Unit::Count),
    ("function_self_seconds_total", Kind::Counter, Unit::Seconds),
    ("function_self_cpu_seconds_total", Kind::Counter, Unit::Seconds),
    ("function_allocated_bytes_total", Kind::Counter, Unit::Bytes),
    ("function_live_bytes", Kind::Gauge, Unit::Bytes),
];

/// Readings of some time, in memory of a fixed size, and in a file if one is given.
#[derive(Debug)]
pub(crate) struct History {
    table: SeriesTable,
    functions: Functions,
    marks: Marks,
    file: Option<Journal>,
    /// The 10 seconds of the latest write.
    written: u32,
    /// The latest 10 seconds of which functions were read that are read every 10 seconds.
    ten: u32,
    /// The clock was set back a little, and has not caught up yet.
    is_waiting: bool,
    #[expect(dead_code, reason = "for what its drop does")]
    reserved: Reserved,
}

/// Memory that the history may take.
#[derive(Debug)]
pub(super) struct Reserved {
    bytes: usize,
    /// In the profiler's account.
    is_accounted: bool,
}

impl Reserved {
    /// Fewer bytes if the profiler's limit does not allow that many. `None` if not even the least.
    fn up_to(bytes: usize) -> Option<Self> {
        let mut bytes = bytes.max(LEAST_BYTES);
        while !footprint::take(Part::History, bytes as u64) {
            bytes /= 2;
            if bytes < LEAST_BYTES {
                return None;
            }
        }
        Some(Self { bytes, is_accounted: true })
    }

    /// Beside the account, which has room for one history.
    #[cfg(test)]
    pub(super) fn beside(bytes: usize) -> Self {
        Self { bytes, is_accounted: false }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.is_accounted {
            footprint::give(Part::History, self.bytes as u64);
        }
    }
}

impl History {
    /// Takes all its memory: `bytes`, or less if the profiler's limit does not allow it. `None` if
    /// there is none.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        Self::with(Reserved::up_to(bytes)?, 0)
    }

    /// Beside the account, for tests of who asks it.
    #[cfg(test)]
    pub(crate) fn in_test(bytes: usize) -> Self {
        Self::with(Reserved::beside(bytes), 0).expect("memory")
    }

    pub(super) fn with(reserved: Reserved, for_file: usize) -> Option<Self> {
        let with_marks = reserved.bytes.checked_sub(for_file)?;
        let bytes = with_marks.checked_sub(Marks::BYTES)?;
        let functions = Functions::new(bytes / 16 * FOR_TIMES)?;
        let series = MOST_SERIES * with_marks / DEFAULT_BYTES;
        let table = SeriesTable::new(series, bytes - functions.bytes())?;
        let marks = Marks::new();
        Some(Self { table, functions, marks, file: None, written: 0, ten: 0, is_waiting: false, reserved })
    }

    /// A history with what a file has, which goes on in that file. `Ok(None)` if there is no
    /// memory.
    ///
    /// A damaged part of the file is left out and counted.
    ///
    /// # Errors
    /// The file is none, or not ours, or locked, or cannot be read. It is left as it is.
    pub(crate) fn open(bytes: usize, path: &Path) -> Result<Option<Self>, FileError> {
        Reserved::up_to(bytes).map_or(Ok(None), |reserved| Self::open_with(reserved, path))
    }

    pub(super) fn open_with(reserved: Reserved, path: &Path) -> Result<Option<Self>, FileError> {
        let Some(mut new) = Self::with(reserved, FILE_MEMORY) else { return Ok(None) };
        let (table, functions, marks) = (&mut new.table, &mut new.functions, &mut new.marks);
        let journal = Journal::open(path, |kind, payload| file::restore(kind, payload, table, functions, marks))?;
        table.restore_open();
        table.forget_values();
        functions.forget_values();
        table.keep_closed();
        functions.take_added(|_, _| ());
        new.table.counts = Counts::default();
        new.written = new.table.newest() / WRITTEN_EVERY;
        new.ten = new.written;
        new.file = Some(journal);
        Ok(Some(new))
    }

    /// Takes the readings of this second, in seconds since 1970. `None` if the history has this
    /// second already, or the clock was set back by up to a minute and has not caught up.
    ///
    /// If the clock was set back by more, what is later than its new time is dropped.
    pub(crate) fn round(&mut self, now: u64) -> Option<Round<'_>> {
        // Some hours before the end of the 32 bits, so that no interval ends behind it.
        let now = u32::try_from(now).unwrap_or(u32::MAX).min(u32::MAX - 8_000);
        let newest = self.table.newest();
        if now <= newest && newest > 0 {
            if now == newest && !self.is_waiting {
                return None;
            }
            if newest - now <= WAITED_FOR {
                if !std::mem::replace(&mut self.is_waiting, true) {
                    self.table.counts.clock_steps_back += 1;
                    self.table.forget_values();
                    self.functions.forget_values();
                }
                return None;
            }
            self.table.counts.clock_steps_back += 1;
            self.table.cut(now);
            self.functions.cut(now);
            self.marks.cut(now);
            self.written = now / WRITTEN_EVERY;
            self.ten = self.ten.min((now / WRITTEN_EVERY).saturating_sub(1));
        }
        self.is_waiting = false;
        let ten = self.ten(now);
        if let Some(index) = ten {
            self.functions.begin_ten(index);
        }
        Some(Round { history: self, now, ten })
    }

    /// The interval whose last round this is: in its last second, or later if there was none then.
    fn ten(&mut self, now: u32) -> Option<u32> {
        let is_last = now % WRITTEN_EVERY == WRITTEN_EVERY - 1;
        let index = if is_last { now } else { self.table.newest() } / WRITTEN_EVERY;
        let is_late = index < now / WRITTEN_EVERY && now - index * WRITTEN_EVERY < TEN_STANDS_FOR;
        let is_new = index > self.ten && (is_last || is_late);
        is_new.then(|| {
            self.ten = index;
            index
        })
    }

    fn settle(&mut self, now: u32) {
        let times_from = self.functions.end(1);
        self.table.settle(now);
        self.functions.settle(&mut self.table, now);
        let index = now / WRITTEN_EVERY;
        let Some(file) = self.file.as_mut().filter(|_| index != self.written) else { return };
        self.written = index;
        if !file.is_ours() {
            return;
        }
        file::append(file, &mut self.table, &mut self.functions, &mut self.marks, times_from);
        file.flush();
        if file.is_long() {
            file.rewrite(|file| file::checkpoint(file, &self.table, &self.functions, &self.marks));
        }
    }

    /// Writes what is not in the file yet.
    fn close(&mut self) {
        let Some(file) = self.file.as_mut().filter(|file| file.is_ours()) else { return };
        let times_from = self.functions.end(1);
        self.table.close_all();
        self.functions.close_all(&mut self.table);
        file::append(file, &mut self.table, &mut self.functions, &mut self.marks, times_from);
        file.flush();
    }

    /// In a forked child, whose parent goes on with the file: nothing is written, and the file's
    /// descriptor is not closed, since it is another file's by now.
    pub(crate) fn abandon(mut self) {
        std::mem::forget(self.file.take());
    }

    /// Bits a point, by level, heads of blocks included.
    #[cfg(test)]
    pub(super) fn bits_by_level(&self) -> [f64; 3] {
        std::array::from_fn(|level| {
            let blocks = self.table.ids().flat_map(|id| self.table.lane_blocks(id, level).map(|(head, _)| head.points));
            let (blocks, points) = blocks.fold((0.0, 0.0), |sum, points| (sum.0 + 1.0, sum.1 + f64::from(points)));
            blocks * 1_024.0 / points
        })
    }

    #[cfg(test)]
    pub(super) fn block_bytes(&self) -> usize {
        self.table.blocks().held() as usize * 128
    }

    /// Hours that the histograms of each level reach back.
    #[cfg(test)]
    pub(super) fn times_hours(&self) -> Vec<f64> {
        let range = |level: usize| {
            let first = self.functions.entries(level, 0).next().map_or(0, |entry| entry.0);
            f64::from(self.functions.end(level) - first) * f64::from(super::levels::TIMES_SECONDS[level]) / 3_600.0
        };
        (0..super::levels::TIMES_LEVELS).map(range).collect()
    }

    /// The mean bytes of an entry of each level.
    #[cfg(test)]
    pub(super) fn times_bytes(&self) -> Vec<usize> {
        let mean = |level: usize| {
            let all = self.functions.entries(level, 0).map(|entry| entry.1.len());
            let (number, sum) = all.fold((0, 0), |sum, length| (sum.0 + 1, sum.1 + length));
            sum / number.max(1)
        };
        (0..super::levels::TIMES_LEVELS).map(mean).collect()
    }

    #[cfg(test)]
    pub(super) fn journal(&mut self) -> &mut Journal {
        self.file.as_mut().expect("a file")
    }

    /// All memory that it holds, of which the system has given what was used.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes() + self.functions.bytes() + self.file.as_ref().map_or(0, |_| FILE_MEMORY)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.table.counts
    }

    /// `None` without a file.
    pub(crate) fn file_counts(&self) -> Option<FileCounts> {
        self.file.as_ref().map(Journal::counts)
    }

    /// The latest second with readings, in seconds since 1970. 0 if there is none.
    pub(crate) fn newest(&self) -> u32 {
        self.table.newest()
    }

    /// Notes what the program says at a time, in seconds since 1970.
    pub(crate) fn mark(&mut self, at: u64, text: &str) {
        self.marks.add(u32::try_from(at).unwrap_or(u32::MAX), text);
    }

    /// What the program said, the oldest first.
    #[cfg_attr(not(feature = "serve"), allow(dead_code))]
    pub(crate) fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.marks.all()
    }

    /// The first second of which there are points. `None` if there are none.
    #[cfg(feature = "serve")]
    pub(crate) fn oldest(&self) -> Option<u32> {
        self.table.oldest()
    }

    pub(crate) fn number_of_series(&self) -> usize {
        self.table.ids().count()
    }

    /// All series.
    pub(crate) fn series(&self) -> Vec<SeriesInfo> {
        self.table.infos().collect()
    }

    /// All series of this name.
    pub(crate) fn series_of(&self, name: &str) -> impl Iterator<Item = SeriesInfo> {
        self.table.infos_of(name)
    }

    /// The series of this name and these labels, in the order in which they were given.
    #[cfg(test)]
    pub(crate) fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<SeriesId> {
        self.table.find(name, labels.iter().copied())
    }

    /// A series of [`FUNCTION_SERIES`], of one function.
    #[cfg(any(feature = "serve", test))]
    pub(crate) fn find_of(&self, series: &str, function: FunctionId<'_>) -> Option<SeriesId> {
        self.table.find(series, function.labels())
    }

    /// The same of all functions of a name, of whichever module: one series of each.
    pub(crate) fn find_named(&self, series: usize, name: &str) -> impl Iterator<Item = SeriesId> {
        let (series, kind, unit) = FUNCTION_SERIES[series];
        self.table.ids_of((kind, unit), series, ("function", name))
    }

    /// All functions.
    pub(crate) fn functions(&self) -> impl Iterator<Item = OwnedId> {
        self.functions.numbers().filter_map(|number| {
            let (_, _, key) = self.functions.named(&self.table, number)?;
            FunctionId::read(&key.collect::<Vec<_>>()).map(OwnedId::from)
        })
    }

    /// The points that overlap `[from, to)`, oldest first, each second at the finest resolution
    /// that has it. What is missing is a gap.
    pub(crate) fn points(&self, series: SeriesId, from: u32, to: u32) -> impl Iterator<Item = Point> {
        self.table.points(series, from, to)
    }

    #[cfg(test)]
    pub(super) fn columns(&self, series: SeriesId, from: u32, to: u32, step: u32) -> Columns {
        let points: Vec<Point> = self.points(series, from, to).collect();
        columns::columns(&points, (from, to), step)
    }

    /// The distribution of a function's calls in each step of a window: `None` where it was not
    /// watched. Returns when the first step begins, and the seconds of a step.
    pub(crate) fn times_columns(
        &self,
        function: FunctionId<'_>,
        from: u32,
        to: u32,
        step: u32,
    ) -> (u32, u32, Vec<Option<Histogram>>) {
        let mut coarsest = 1;
        self.functions.visit(&self.table, function, (from, to), 0, |_, seconds, _| coarsest = coarsest.max(seconds));
        let steps = Steps::new((from, to), step, coarsest);
        let mut all: Vec<Option<Histogram>> = vec![None; steps.number as usize];
        self.functions.visit(&self.table, function, (from, to), 0, |start, _, cells| {
            if let Some(place) = steps.place(start.max(steps.from)) {
                add_cells(all[place].get_or_insert_default(), cells);
            }
        });
        (steps.from, steps.step, all)
    }
}

/// Questions of judges.
impl History {
    /// A gauge's mean, a counter's rate per second.
    pub(crate) fn average(&self, series: SeriesId, from: u32, to: u32) -> Answer<f64> {
        answers::average(self.points(series, from, to))
    }

    /// A gauge's highest reading, a counter's highest rate of a point.
    pub(crate) fn peak(&self, series: SeriesId, from: u32, to: u32) -> Answer<f64> {
        answers::peak(self.points(series, from, to))
    }

    /// By how much a gauge's last point exceeds the first one, or by how much a counter grew.
    pub(crate) fn change(&self, series: SeriesId, from: u32, to: u32) -> Answer<f64> {
        let is_counter = self.table.kind(series) == Some(Kind::Counter);
        answers::change(self.points(series, from, to), is_counter)
    }

    /// The distribution of a function's calls that ended in a window.
    #[cfg(any(feature = "serve", test))]
    pub(crate) fn times(&self, function: FunctionId<'_>, window: (u32, u32)) -> Answer<Histogram> {
        self.times_from(0, function, window)
    }

    /// The same of whole minutes, which is cheap: minutes that go on are not part of it.
    #[cfg(feature = "serve")]
    pub(crate) fn times_of_minutes(&self, function: FunctionId<'_>, window: (u32, u32)) -> Answer<Histogram> {
        self.times_from(super::levels::TIMES_MINUTES, function, window)
    }

    #[cfg(any(feature = "serve", test))]
    fn times_from(&self, finest: usize, function: FunctionId<'_>, window: (u32, u32)) -> Answer<Histogram> {
        let mut sum = Times::default();
        let known = self.functions.visit(&self.table, function, window, finest, |start, seconds, cells| {
            sum.add(start, seconds, cells);
        });
        if known.is_some() { sum.answer() } else { Answer::NotCovered }
    }

    /// The distribution of the calls of all functions of a name, of whichever module.
    pub(crate) fn times_named(&self, name: &str, window: (u32, u32)) -> Answer<Histogram> {
        let mut all = Times::default();
        for number in self.functions.of_name(&self.table, name) {
            let mut one = Coverage::default();
            let Times { histogram, .. } = &mut all;
            self.functions.visit_number(number, window, 0, |start, seconds, cells| {
                one.add(start, seconds, seconds);
                add_cells(histogram, cells);
            });
            all.coverage = all.coverage.with(one);
        }
        all.answer()
    }

    /// A quantile of the times of the calls that ended in a window, in nanoseconds, within 1.1 %.
    #[cfg(test)]
    pub(crate) fn quantile(&self, function: FunctionId<'_>, q: f64, window: (u32, u32)) -> Answer<f64> {
        match self.times(function, window) {
            Answer::Found(times, coverage) => match times.quantile(q) {
                Some(value) => Answer::Found(value, coverage),
                None => Answer::Empty(coverage),
            },
            Answer::Empty(coverage) => Answer::Empty(coverage),
            Answer::NotCovered => Answer::NotCovered,
        }
    }
}

/// The times of some intervals.
#[derive(Default)]
struct Times {
    histogram: Histogram,
    coverage: Coverage,
}

impl Times {
    #[cfg(any(feature = "serve", test))]
    fn add(&mut self, start: u32, seconds: u32, cells: &[u8]) {
        self.coverage.add(start, seconds, seconds);
        add_cells(&mut self.histogram, cells);
    }

    fn answer(self) -> Answer<Histogram> {
        match self {
            Self { coverage, .. } if coverage.seconds == 0 => Answer::NotCovered,
            Self { histogram, coverage } if histogram.is_empty() => Answer::Empty(coverage),
            Self { histogram, coverage } => Answer::Found(histogram, coverage),
        }
    }
}

fn add_cells(histogram: &mut Histogram, cells: &[u8]) {
    let zero = sparse::read(cells, |cell, count| histogram.count_index(cell, count));
    histogram.record(0, zero.unwrap_or(0));
}

impl Drop for History {
    fn drop(&mut self) {
        self.close();
    }
}

/// The readings of one second. When this drops, they are in the history.
#[derive(Debug)]
pub(crate) struct Round<'a> {
    history: &'a mut History,
    now: u32,
    /// The interval of 10 seconds that ends.
    ten: Option<u32>,
}

impl Round<'_> {
    pub(crate) fn reading(&mut self, reading: &Reading) {
        let description = reading.description;
        let form = (description.kind, description.unit);
        self.history.table.read(self.now, form, description.name, reading.labels.pairs(), reading.value);
    }

    /// Whether functions are read that are read every 10 seconds, and whether functions may change
    /// their pace.
    pub(crate) fn is_of_ten(&self) -> bool {
        self.ten.is_some()
    }

    /// The most expensive functions come first: there are places for 200.
    pub(crate) fn function(&mut self, function: &FunctionReading<'_>, pace: Pace) {
        let History { table, functions, .. } = &mut *self.history;
        let id = function.function;
        if id.length() > LONGEST_NAME {
            table.counts.refused_functions += 1;
            return;
        }
        let pace = if self.ten.is_some() { pace } else { Pace::Second };
        let before = self.now.saturating_sub(if pace == Pace::Ten { WRITTEN_EVERY } else { 1 });
        let before = function.is_new.then_some(before);
        let changed = functions.read(table, self.now, id, function.times, (pace, before));
        let seconds = |ns: u64| ns as f64 * 1e-9;
        let values = [
            Some(function.calls as f64),
            Some(function.errors as f64),
            Some(seconds(function.self_ns)),
            function.cpu_ns.map(seconds),
            function.allocated_bytes.map(|bytes| bytes as f64),
            function.live_bytes.map(|bytes| bytes as f64),
        ];
        for ((name, kind, unit), value) in FUNCTION_SERIES.iter().zip(values) {
            let Some(value) = value else { continue };
            let label = id.labels();
            if let Some(before) = before.filter(|_| *kind == Kind::Counter) {
                table.read_first((*kind, *unit), name, label.clone(), before);
            }
            match (changed.unwrap_or(pace), self.ten) {
                (Pace::Ten, Some(index)) => table.read_ten((self.now, index), (*kind, *unit), name, label, value),
                _ => table.read(self.now, (*kind, *unit), name, label, value),
            }
            if changed == Some(Pace::Second) {
                table.end_seconds((*kind, *unit), name, id.labels());
            }
        }
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        self.history.settle(self.now);
    }
}

//! All series: their names, their latest values, their points.

use super::blocks::{Blocks, NONE};
use super::counts::Counts;
use super::grid::Grid;
use super::lane::{Lane, Refused, Stored};
use super::levels::{self, LEVELS, POINTS, SECONDS};
use super::memory::{BODY, Head};
use crate::reading::{Kind, Unit};

/// Bytes of a name with its labels, at most.
pub(super) const LONGEST_KEY: usize = 1_000;
/// A reading stands for the time since the one before, if that is at most this many seconds: rounds
/// are late at times.
pub(super) const STANDS_FOR: u32 = 3;
/// The same for readings that are taken every 10 seconds.
pub(super) const TEN_STANDS_FOR: u32 = 15;
/// Where there is no place for a new series, one that was not read for so many seconds gives its
/// place.
const MISSING_FOR: u32 = 120;
/// What memory runs short of goes by this many points of a series at once.
const EVICTED_TOGETHER: u32 = 60;

const AFTER_NAME: u8 = 0xff;
const AFTER_LABEL: u8 = 0xfe;
const UNITS: [Unit; 5] = [Unit::Seconds, Unit::Bytes, Unit::Ratio, Unit::Hertz, Unit::Count];

/// A series of the history. It may come to mean another one when its points are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeriesId(pub(super) u16);

/// What is known of a series besides its points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeriesInfo {
    pub(crate) id: SeriesId,
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) kind: Kind,
    pub(crate) unit: Unit,
    /// When there was a reading.
    pub(super) seen: u32,
}

/// The values of a series over some seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// When it begins, in seconds since 1970.
    pub(crate) from: u32,
    /// How long it is: 1, 10 or 60 seconds.
    pub(crate) seconds: u32,
    /// In how many of these there was a reading.
    pub(crate) covered: u32,
    /// Of a gauge, the mean; of a counter, the rate per second.
    pub(crate) mean: f64,
    /// Of a gauge, the highest reading; of a counter, the same as the mean.
    pub(crate) peak: f64,
}

/// The identity of a series in bytes: kind and unit, the name, the labels.
#[derive(Debug)]
pub(super) struct Key(Vec<u8>);

impl Key {
    pub(super) fn with_capacity() -> Self {
        Self(Vec::with_capacity(LONGEST_KEY))
    }

    /// `false` if it is too long.
    pub(super) fn set<'a, 'b>(
        &mut self,
        (kind, unit): (Kind, Unit),
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'b str)>,
    ) -> bool {
        self.0.clear();
        self.0.push(code_of(kind, unit));
        let mut fits = self.push(name, AFTER_NAME);
        for (label, value) in labels {
            fits = fits && self.push(label, AFTER_LABEL) && self.push(value, AFTER_NAME);
        }
        fits
    }

    fn push(&mut self, text: &str, end: u8) -> bool {
        let fits = self.0.len() + text.len() < LONGEST_KEY;
        if fits {
            self.0.extend_from_slice(text.as_bytes());
            self.0.push(end);
        }
        fits
    }
}

fn code_of(kind: Kind, unit: Unit) -> u8 {
    let unit = UNITS.iter().position(|one| *one == unit).unwrap_or_default();
    (unit << 1) as u8 | u8::from(kind == Kind::Counter)
}

fn from_code(code: u8) -> Option<(Kind, Unit)> {
    let kind = if code & 1 == 1 { Kind::Counter } else { Kind::Gauge };
    Some((kind, *UNITS.get(usize::from(code >> 1))?))
}

/// What a key says. `None` if it is none.
fn parse(id: u16, key: &[u8]) -> Option<SeriesInfo> {
    let (code, rest) = key.split_first()?;
    let (kind, unit) = from_code(*code)?;
    let mut parts = rest.split(|byte| *byte == AFTER_NAME);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let name = text(parts.next()?)?;
    let mut labels = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        let middle = part.iter().position(|byte| *byte == AFTER_LABEL)?;
        labels.push((text(&part[..middle])?, text(&part[middle + 1..])?));
    }
    Some(SeriesInfo { id: SeriesId(id), name, labels, kind, unit, seen: 0 })
}

/// An interval that goes on.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    index: u32,
    covered: u32,
    /// Of a gauge, the readings; of a counter, what it grew by.
    sum: f64,
    peak: f64,
}

#[derive(Clone, Copy, Debug)]
struct Series {
    /// The list of blocks with the key, or [`NONE`]: the place is free.
    key: u32,
    hash: u32,
    /// The hash of the name alone.
    name: u32,
    kind: Kind,
    grid: Grid,
    /// A counter's latest value.
    last: f64,
    /// When there was a reading. 0 is never: a counter's next value is no difference.
    seen: u32,
    lanes: [Lane; LEVELS],
    /// Of the levels from the second on.
    open: [Open; LEVELS - 1],
}

/// A point of 10 seconds, as it is written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) id: u16,
    pub(super) index: u32,
    pub(super) point: Stored,
}

#[derive(Debug)]
pub(super) struct SeriesTable {
    series: Vec<Series>,
    /// Open addressing by hash: numbers of series, plus 1.
    places: Vec<u16>,
    blocks: Blocks,
    key: Key,
    /// Since [`take_closed`](Self::take_closed), if a file asks for them.
    closed: Vec<Closed>,
    keeps_closed: bool,
    /// Series that were added since, in the same case.
    added: Vec<u16>,
    newest: u32,
    /// The first round since values count: all series that go on are read from then on. 0 is not
    /// yet.
    began: u32,
    pub(super) counts: Counts,
}

impl SeriesTable {
    /// `bytes` in all. `None` if the system has no memory.
    pub(super) fn new(most: usize, bytes: usize) -> Option<Self> {
        let most = most.clamp(1, 16_384);
        let places = (most * 2).next_power_of_two();
        let beside = most * (size_of::<Series>() + 2 * size_of::<Closed>() + 2) + places * 2 + LONGEST_KEY;
        Some(Self {
            series: Vec::with_capacity(most),
            places: vec![0; places],
            blocks: Blocks::new(bytes.checked_sub(beside)?)?,
            key: Key::with_capacity(),
            closed: Vec::with_capacity(2 * most),
            keeps_closed: false,
            added: Vec::with_capacity(most),
            newest: 0,
            began: 0,
            counts: Counts::default(),
        })
    }

    /// All memory that it holds.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.series.capacity() * size_of::<Series>()
            + self.closed.capacity() * size_of::<Closed>()
            + (self.places.capacity() + self.added.capacity()) * 2
            + self.key.0.capacity()
            + self.blocks.bytes()
    }

    pub(super) fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    pub(super) fn blocks_mut(&mut self) -> &mut Blocks {
        &mut self.blocks
    }

    /// The latest second with readings.
    pub(super) fn newest(&self) -> u32 {
        self.newest
    }

    /// The first second of which there are points.
    #[cfg(feature = "serve")]
    pub(super) fn oldest(&self) -> Option<u32> {
        let of_level = |series: &Series, level: usize| {
            let first = series.lanes[level].start(&self.blocks)?;
            let kept = (self.newest / SECONDS[level] + 1).saturating_sub(POINTS[level]);
            Some(first.max(kept) * SECONDS[level])
        };
        let all = self.series.iter().filter(|series| series.key != NONE);
        all.flat_map(|series| (0..LEVELS).filter_map(|level| of_level(series, level))).min()
    }

    pub(super) fn keep_closed(&mut self) {
        self.keeps_closed = true;
    }

    /// The points of 10 seconds that were closed, and the series that were added, since the last
    /// call.
    pub(super) fn take_closed(&mut self, mut each_added: impl FnMut(u16, &Self), mut each: impl FnMut(Closed)) {
        self.added.iter().for_each(|id| each_added(*id, &*self));
        self.added.clear();
        self.closed.drain(..).for_each(&mut each);
    }

    /// The bytes that tell a series from others.
    pub(super) fn key_of(&self, id: u16) -> impl Iterator<Item = u8> {
        self.blocks.stored(self.series.get(usize::from(id)).map_or(NONE, |series| series.key))
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u16> {
        (0_u16..).zip(&self.series).filter(|(_, series)| series.key != NONE).map(|(id, _)| id)
    }

    /// All series.
    pub(super) fn infos(&self) -> impl Iterator<Item = SeriesInfo> {
        self.ids().filter_map(|id| self.info(id))
    }

    /// All series of this name.
    pub(super) fn infos_of(&self, name: &str) -> impl Iterator<Item = SeriesInfo> {
        // PERF: the keys of others are not read.
        let wanted = hash(name.as_bytes());
        let ids = self.ids().filter(move |id| self.series[usize::from(*id)].name == wanted);
        ids.filter_map(|id| self.info(id)).filter(move |info| info.name == name)
    }

    fn info(&self, id: u16) -> Option<SeriesInfo> {
        let info = parse(id, &self.key_of(id).collect::<Vec<_>>())?;
        Some(SeriesInfo { seen: self.series[usize::from(id)].seen, ..info })
    }

    /// The series of this name and these labels. If its unit was changed, the latest one.
    #[cfg(any(feature = "serve", test))]
    pub(super) fn find<'a, 'b>(
        &self,
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'b str)> + Clone,
    ) -> Option<SeriesId> {
        let mut key = Key::with_capacity();
        let all = UNITS.iter().flat_map(|unit| [Kind::Gauge, Kind::Counter].map(|kind| (kind, *unit)));
        let found = all.filter_map(|form| {
            key.set(form, name, labels.clone()).then(|| self.place_of(&key.0, hash(&key.0)).ok())?
        });
        found.max_by_key(|id| self.series[usize::from(*id)].seen).map(SeriesId)
    }

    /// All series whose key begins with this name and this label: those with further labels too.
    pub(super) fn ids_of(
        &self,
        form: (Kind, Unit),
        name: &str,
        label: (&str, &str),
    ) -> impl Iterator<Item = SeriesId> + use<'_> {
        let mut key = Key::with_capacity();
        let fits = key.set(form, name, std::iter::once(label));
        // PERF: the keys of others are not read.
        let wanted = hash(name.as_bytes());
        let ids = self.ids().filter(move |id| {
            let series = &self.series[usize::from(*id)];
            fits && series.name == wanted && self.blocks.begins_with(series.key, &key.0)
        });
        ids.map(SeriesId)
    }

    /// The series with this key, or the place in the table where it would be.
    fn place_of(&self, key: &[u8], hash: u32) -> Result<u16, usize> {
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let Some(id) = self.places[at].checked_sub(1) else { return Err(at) };
            let series = &self.series[usize::from(id)];
            if series.hash == hash && self.blocks.holds(series.key, key) {
                return Ok(id);
            }
            at = (at + 1) & mask;
        }
    }

    /// Takes a reading.
    pub(super) fn read<'a, 'b>(
        &mut self,
        now: u32,
        form: (Kind, Unit),
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'b str)>,
        value: f64,
    ) {
        if let Some(id) = self.series_for(form, name, labels, value) {
            self.sample(id, now, value);
        }
    }

    /// Takes a reading of which there is one every 10 seconds: the point of the interval `index`. A
    /// series has either such readings or those of each second. It may change from one to the
    /// other, and then single seconds begin anew.
    pub(super) fn read_ten<'a, 'b>(
        &mut self,
        (now, index): (u32, u32),
        form: (Kind, Unit),
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'b str)>,
        value: f64,
    ) {
        if let Some(id) = self.series_for(form, name, labels, value) {
            self.sample_ten(id, now, index, value);
        }
    }

    /// A counter that is new was 0 at this time.
    pub(super) fn read_first<'a, 'b>(
        &mut self,
        form: (Kind, Unit),
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'b str)>,
        before: u32,
    ) {
        if let Some(id) = self.series_for(form, name, labels, 0.0) {
            let series = &mut self.series[usize::from(id)];
            (series.last, series.seen) = (0.0, before);
        }
    }

    fn series_for<'a, 'b>(
        &mut self,
        form: (Kind, Unit),
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'b str)>,
        value: f64,
    ) -> Option<u16> {
        if !value.is_finite() {
            self.counts.refused_values += 1;
            return None;
        }
        let mut key = std::mem::replace(&mut self.key, Key(Vec::new()));
        let id = if key.set(form, name, labels) { self.id_of(&key.0) } else { None };
        self.key = key;
        self.counts.refused_readings += u64::from(id.is_none());
        id
    }

    /// Single seconds of a series end: from now on there is a reading every 10 seconds.
    pub(super) fn end_seconds<'a, 'b>(
        &mut self,
        form: (Kind, Unit),
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'b str)>,
    ) {
        let mut key = std::mem::replace(&mut self.key, Key(Vec::new()));
        if key.set(form, name, labels)
            && let Ok(id) = self.place_of(&key.0, hash(&key.0))
        {
            let lane = &mut self.series[usize::from(id)].lanes[0];
            self.blocks.give_list(std::mem::replace(lane, Lane::EMPTY).first_block());
        }
        self.key = key;
    }

    /// The series with this key, which is added if there is none.
    fn id_of(&mut self, key: &[u8]) -> Option<u16> {
        match self.place_of(key, hash(key)) {
            Ok(id) => Some(id),
            Err(_) => self.add(key, None),
        }
    }

    /// Adds a series, at a number that a file gave it, or at a free one.
    pub(super) fn add(&mut self, key: &[u8], wanted: Option<u16>) -> Option<u16> {
        let (kind, unit) = from_code(*key.first()?)?;
        if key.len() > LONGEST_KEY || parse(0, key).is_none() {
            return None;
        }
        let free = || {
            let left = self.series.iter().position(|series| series.key == NONE);
            left.or_else(|| (self.series.len() < self.series.capacity()).then_some(self.series.len()))
        };
        let id = wanted.map(usize::from).or_else(free).or_else(|| self.give_up())?;
        if id >= self.series.capacity() || self.series.get(id).is_some_and(|series| series.key != NONE) {
            return None;
        }
        (0..Blocks::needed(key.len())).all(|_| self.make_room()).then_some(())?;
        let first = self.blocks.store(std::iter::once(key))?;
        let new = Series {
            key: first,
            hash: hash(key),
            name: hash(name_of(key)),
            kind,
            grid: Grid::of(kind, unit),
            last: 0.0,
            seen: 0,
            lanes: [Lane::EMPTY; LEVELS],
            open: [Open::default(); LEVELS - 1],
        };
        while self.series.len() <= id {
            self.series.push(Series { key: NONE, ..new });
        }
        self.series[id] = new;
        if let Err(place) = self.place_of(key, new.hash) {
            self.places[place] = id as u16 + 1;
        }
        if self.keeps_closed && self.added.len() < self.added.capacity() {
            self.added.push(id as u16);
        }
        Some(id as u16)
    }

    /// Removes the series that ended first. `None` if all go on.
    fn give_up(&mut self) -> Option<usize> {
        let is_missing =
            |series: &Series| self.began > 0 && series.seen.max(self.began).saturating_add(MISSING_FOR) < self.newest;
        let end = |series: &Series| {
            let ends = series.lanes.iter().zip(SECONDS).map(|(lane, seconds)| lane.end(&self.blocks) * seconds);
            ends.max().unwrap_or(0)
        };
        let missing = self.series.iter().enumerate().filter(|(_, series)| is_missing(series));
        let (id, _) = missing.min_by_key(|(_, series)| end(series))?;
        self.remove(id as u16);
        Some(id)
    }

    /// Gives a number to a series, as a file says. `None` if that is not possible.
    pub(super) fn define(&mut self, id: u16, key: &[u8]) -> Option<()> {
        let known = self.place_of(key, hash(key)).ok();
        if known == Some(id) {
            return Some(());
        }
        known.into_iter().chain([id]).for_each(|other| self.remove(other));
        self.add(key, Some(id)).map(|_| ())
    }

    /// Removes a series with its points.
    pub(super) fn remove(&mut self, id: u16) {
        let Some(series) = self.series.get_mut(usize::from(id)).filter(|series| series.key != NONE) else { return };
        series.lanes.iter().for_each(|lane| self.blocks.give_list(lane.first_block()));
        self.blocks.give_list(series.key);
        (series.key, series.lanes) = (NONE, [Lane::EMPTY; LEVELS]);
        self.places.fill(0);
        for id in 0..self.series.len() {
            let Series { key, hash, .. } = self.series[id];
            if key != NONE {
                let mask = self.places.len() - 1;
                let free = (0..=mask).map(|more| (hash as usize + more) & mask).find(|at| self.places[*at] == 0);
                free.into_iter().for_each(|at| self.places[at] = id as u16 + 1);
            }
        }
    }

    fn sample(&mut self, id: u16, now: u32, value: f64) {
        let series = &mut self.series[usize::from(id)];
        let (before, since) = (series.last, series.seen);
        (series.last, series.seen) = (value, now);
        let elapsed = now.saturating_sub(since);
        let is_known = since != 0 && elapsed > 0;
        // Intervals before that of the latest round are closed.
        let open = (now + 1).saturating_sub(self.newest / SECONDS[1] * SECONDS[1]);
        let seconds = if is_known && elapsed <= STANDS_FOR { elapsed.min(open) } else { 1 };
        let amount = match series.kind {
            Kind::Gauge => value,
            Kind::Counter if !is_known => return,
            // A counter that fell began anew at 0.
            Kind::Counter if value < before => value / f64::from(elapsed) * f64::from(seconds),
            Kind::Counter => (value - before) / f64::from(elapsed) * f64::from(seconds),
        };
        let step = series.grid.step();
        // The parts are rounded such that their sum is the amount.
        let part_until = |done: u32| (amount / step * f64::from(done) / f64::from(seconds)).round() * step;
        let is_counter = series.kind == Kind::Counter;
        for done in 0..seconds {
            let part = match () {
                () if !is_counter => value,
                () if seconds == 1 => amount,
                () => part_until(done + 1) - part_until(done),
            };
            self.put(id, now - (seconds - 1 - done), part);
        }
    }

    fn sample_ten(&mut self, id: u16, now: u32, index: u32, value: f64) {
        let series = &mut self.series[usize::from(id)];
        let (before, since) = (series.last, series.seen);
        (series.last, series.seen) = (value, now);
        let elapsed = now.saturating_sub(since);
        let is_known = since != 0 && elapsed > 0;
        let is_counter = series.kind == Kind::Counter;
        // Beyond, it is a gap, and only the last 10 seconds are known.
        let share = if elapsed <= TEN_STANDS_FOR { 1.0 } else { f64::from(SECONDS[1]) / f64::from(elapsed) };
        // Seconds of this interval that were read one by one.
        let single = match series.open[0] {
            open if open.index == index => std::mem::take(&mut series.open[0]),
            _ => Open::default(),
        };
        let covered = SECONDS[1].saturating_sub(single.covered);
        let amount = match () {
            () if !is_counter => value * f64::from(covered),
            () if !is_known => return,
            // A counter that fell began anew at 0.
            () if value < before => value * share,
            () => (value - before) * share,
        };
        self.close(id, 1);
        let peak = if single.covered > 0 { single.peak.max(value) } else { value };
        let whole = Open { index, covered: SECONDS[1], sum: single.sum + amount, peak };
        self.series[usize::from(id)].open[0] = whole;
        self.close(id, 1);
        let coarse = index / (SECONDS[2] / SECONDS[1]);
        if self.series[usize::from(id)].open[1].index != coarse {
            self.close(id, 2);
            self.series[usize::from(id)].open[1] =
                Open { index: coarse, covered: 0, sum: 0.0, peak: f64::NEG_INFINITY };
        }
        let open = &mut self.series[usize::from(id)].open[1];
        open.covered += covered;
        open.sum += amount;
        open.peak = open.peak.max(peak);
    }

    fn put(&mut self, id: u16, second: u32, amount: f64) {
        let at = usize::from(id);
        let mean = self.series[at].grid.encode(amount);
        self.append(id, 0, second, Stored { covered: 1, mean, excess: 0 });
        for (level, seconds) in SECONDS.into_iter().enumerate().skip(1) {
            let index = second / seconds;
            if self.series[at].open[level - 1].index != index {
                self.close(id, level);
                self.series[at].open[level - 1] = Open { index, covered: 0, sum: 0.0, peak: f64::NEG_INFINITY };
            }
            let open = &mut self.series[at].open[level - 1];
            open.covered += 1;
            open.sum += amount;
            open.peak = open.peak.max(amount);
        }
    }

    fn close(&mut self, id: u16, level: usize) {
        let series = &mut self.series[usize::from(id)];
        let open = std::mem::take(&mut series.open[level - 1]);
        if open.covered == 0 {
            return;
        }
        let (mean, excess) = match series.kind {
            Kind::Counter => (series.grid.encode(open.sum), 0),
            Kind::Gauge => {
                let mean = series.grid.encode(open.sum / f64::from(open.covered));
                (mean, series.grid.encode(open.peak).saturating_sub(mean).max(0))
            }
        };
        let point = Stored { covered: open.covered.min(SECONDS[level]) as u8, mean, excess };
        self.append(id, level, open.index, point);
        if level == 1 && self.keeps_closed && self.closed.len() < self.closed.capacity() {
            self.closed.push(Closed { id, index: open.index, point });
        }
    }

    /// A point of 10 seconds from a file. It is part of the coarser ones too.
    pub(super) fn restore(&mut self, closed: Closed) {
        let Closed { id, index, point } = closed;
        let Some(series) = self.series.get(usize::from(id)).filter(|series| series.key != NONE) else { return };
        if point.covered == 0 || u32::from(point.covered) > SECONDS[1] || index > u32::MAX / SECONDS[1] - 10 {
            return;
        }
        if index < series.lanes[1].end(&self.blocks) {
            self.counts.late_points += 1;
            return;
        }
        self.append(id, 1, index, point);
        self.newest = self.newest.max(index * SECONDS[1] + SECONDS[1] - 1);
        self.add_to_open(id, index, point);
    }

    fn add_to_open(&mut self, id: u16, index: u32, point: Stored) {
        let at = usize::from(id);
        let coarse = index / (SECONDS[2] / SECONDS[1]);
        if self.series[at].open[1].index != coarse {
            self.close(id, 2);
            self.series[at].open[1] = Open { index: coarse, covered: 0, sum: 0.0, peak: f64::NEG_INFINITY };
        }
        let Series { kind, grid, open, .. } = &mut self.series[at];
        let (mean, covered) = (grid.decode(point.mean), u32::from(point.covered));
        open[1].covered += covered;
        open[1].sum += if *kind == Kind::Counter { mean } else { mean * f64::from(covered) };
        open[1].peak = open[1].peak.max(grid.decode(point.mean.saturating_add(point.excess)));
    }

    /// After all points of a file: what the coarsest level's open intervals have so far.
    pub(super) fn restore_open(&mut self) {
        for id in 0..self.series.len() as u16 {
            let series = &self.series[usize::from(id)];
            if series.key == NONE || series.open[1].covered > 0 {
                continue;
            }
            let ratio = SECONDS[2] / SECONDS[1];
            let from = series.lanes[2].end(&self.blocks).saturating_mul(ratio);
            let last = series.lanes[1].end(&self.blocks).saturating_sub(1) / ratio * ratio;
            let (lane, has_peaks) = (series.lanes[1], series.kind == Kind::Gauge);
            let mut points = [(0, Stored::default()); (SECONDS[2] / SECONDS[1]) as usize];
            let mut found = 0;
            for (point, place) in lane.points(&self.blocks, from.max(last), has_peaks).zip(&mut points) {
                *place = point;
                found += 1;
            }
            points[..found].iter().for_each(|(index, point)| self.add_to_open(id, *index, *point));
        }
    }

    /// A block of points from a file.
    pub(super) fn restore_block(&mut self, id: u16, level: usize, head: Head, body: &[u8; BODY]) {
        let is_known = self.series.get(usize::from(id)).is_some_and(|series| series.key != NONE);
        if !is_known || !(1..LEVELS).contains(&level) || !self.make_room() {
            return;
        }
        let end = u64::from(head.start) + u64::from(head.points);
        let Ok(end) = u32::try_from(end * u64::from(SECONDS[level])) else { return };
        let result = self.series[usize::from(id)].lanes[level].adopt(&mut self.blocks, head, body);
        if result == Ok(true) {
            self.newest = self.newest.max(end - 1);
        }
    }

    /// The blocks of a series, for a file.
    pub(super) fn lane_blocks(&self, id: u16, level: usize) -> impl Iterator<Item = (&Head, &[u8; BODY])> {
        let first = self.series.get(usize::from(id)).map_or(NONE, |series| series.lanes[level].first_block());
        self.blocks.list(first).map(|(_, block)| (&block.head, &block.body))
    }

    fn append(&mut self, id: u16, level: usize, index: u32, point: Stored) {
        let at = usize::from(id);
        let has_peaks = self.series[at].has_peaks(level);
        let kept_from = (index + 1).saturating_sub(POINTS[level]);
        self.series[at].lanes[level].expire(&mut self.blocks, kept_from);
        let mut result = self.series[at].lanes[level].append(&mut self.blocks, index, point, has_peaks);
        if result == Err(Refused::Full) && self.evict() {
            result = self.series[at].lanes[level].append(&mut self.blocks, index, point, has_peaks);
        }
        match result {
            Ok(()) => {}
            Err(Refused::Full) => self.counts.dropped_points += 1,
            Err(Refused::Late) => self.counts.late_points += 1,
        }
    }

    /// Whether a block can be had, if need be in the place of points.
    pub(super) fn make_room(&mut self) -> bool {
        match self.blocks.take() {
            Some(block) => {
                self.blocks.give(block);
                true
            }
            None => self.evict(),
        }
    }

    /// Drops the oldest points of the coarsest level that has more than one block anywhere.
    fn evict(&mut self) -> bool {
        for level in (0..LEVELS).rev() {
            let ends = self.series.iter().filter_map(|series| series.lanes[level].end_of_first(&self.blocks));
            let Some(oldest) = ends.min() else { continue };
            for series in &mut self.series {
                let lane = &mut series.lanes[level];
                if lane.end_of_first(&self.blocks).is_some_and(|end| end <= oldest + EVICTED_TOGETHER) {
                    self.counts.evicted_points[level] += u64::from(lane.drop_first(&mut self.blocks));
                }
            }
            return true;
        }
        false
    }

    /// At the end of a round: closes intervals that are over, and lets go what is too old.
    pub(super) fn settle(&mut self, now: u32) {
        let before = std::mem::replace(&mut self.newest, now);
        if self.began == 0 {
            self.began = now;
        }
        for (level, seconds) in SECONDS.into_iter().enumerate().skip(1) {
            let index = now / seconds;
            if before / seconds == index {
                continue;
            }
            for id in 0..self.series.len() as u16 {
                let open = &self.series[usize::from(id)].open[level - 1];
                if open.covered > 0 && open.index < index {
                    self.close(id, level);
                }
            }
            if level == LEVELS - 1 {
                self.expire(now);
            }
        }
    }

    /// Closes all intervals, since nothing more will come.
    pub(super) fn close_all(&mut self) {
        for level in 1..LEVELS {
            (0..self.series.len() as u16).for_each(|id| self.close(id, level));
        }
    }

    fn expire(&mut self, now: u32) {
        for id in 0..self.series.len() as u16 {
            let series = &mut self.series[usize::from(id)];
            for level in 0..LEVELS {
                let kept_from = (now / SECONDS[level] + 1).saturating_sub(POINTS[level]);
                series.lanes[level].expire(&mut self.blocks, kept_from);
            }
            let range = POINTS[LEVELS - 1] * SECONDS[LEVELS - 1];
            let is_over = series.seen.saturating_add(range) < now && series.lanes.iter().all(Lane::is_empty);
            if series.key != NONE && is_over {
                self.remove(id);
            }
        }
    }

    /// The clock was set back: drops what is not before `now`. Counters begin anew.
    pub(super) fn cut(&mut self, now: u32) {
        for series in &mut self.series {
            for (level, seconds) in SECONDS.into_iter().enumerate() {
                let has_peaks = series.has_peaks(level);
                let cut = series.lanes[level].cut(&mut self.blocks, now / seconds, has_peaks);
                self.counts.cut_points += u64::from(cut);
            }
            series.open = [Open::default(); LEVELS - 1];
        }
        self.forget_values();
        self.newest = now.saturating_sub(1);
    }

    /// The next value of a counter is no difference.
    pub(super) fn forget_values(&mut self) {
        self.series.iter_mut().for_each(|series| series.seen = 0);
        self.began = 0;
    }

    pub(super) fn kind(&self, id: SeriesId) -> Option<Kind> {
        self.series.get(usize::from(id.0)).filter(|series| series.key != NONE).map(|series| series.kind)
    }

    /// The points that overlap `[from, to)`, oldest first, each second at the finest resolution
    /// that has it.
    pub(super) fn points(&self, id: SeriesId, from: u32, to: u32) -> impl Iterator<Item = Point> {
        let series = self.series.get(usize::from(id.0)).filter(|series| series.key != NONE);
        let start_of = |level: usize| {
            let first = series?.lanes[level].start(&self.blocks)?;
            let kept = (self.newest / SECONDS[level] + 1).saturating_sub(POINTS[level]);
            Some(first.max(kept) * SECONDS[level])
        };
        let shares = levels::shares([start_of(0), start_of(1), start_of(2)], SECONDS);
        (0..LEVELS).rev().flat_map(move |level| {
            let (begin, end) = shares[level];
            let (seconds, begin, end) = (SECONDS[level], begin.max(from), end.min(to));
            let points = series.filter(|_| begin < end).map(|series| {
                let stored = series.lanes[level].points(&self.blocks, begin / seconds, series.has_peaks(level));
                let within = move |index: u32| {
                    let start = index * seconds;
                    // The last point before a finer level is whole.
                    start >= shares[level].0 && start.saturating_add(seconds) <= shares[level].1 && start < end
                };
                let reached = stored.take_while(move |(index, _)| index * seconds < end);
                let whole = reached.filter(move |(index, _)| within(*index));
                whole.map(move |(index, stored)| series.point(index * seconds, seconds, stored))
            });
            points.into_iter().flatten()
        })
    }
}

impl Series {
    fn has_peaks(&self, level: usize) -> bool {
        level > 0 && self.kind == Kind::Gauge
    }

    fn point(&self, from: u32, seconds: u32, stored: Stored) -> Point {
        let covered = u32::from(stored.covered);
        let mean = self.grid.decode(stored.mean);
        let (mean, peak) = match self.kind {
            Kind::Counter => (mean / f64::from(covered.max(1)), mean / f64::from(covered.max(1))),
            Kind::Gauge => (mean, self.grid.decode(stored.mean.saturating_add(stored.excess))),
        };
        Point { from, seconds, covered, mean, peak }
    }
}

/// The name in a key.
fn name_of(key: &[u8]) -> &[u8] {
    key.get(1..).and_then(|rest| rest.split(|byte| *byte == AFTER_NAME).next()).unwrap_or_default()
}

pub(super) fn hash(key: &[u8]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in key.chunks(8) {
        let mut bytes = [0; 8];
        bytes[..part.len()].copy_from_slice(part);
        hash = (hash ^ u64::from_le_bytes(bytes)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 32;
    }
    hash as u32
}

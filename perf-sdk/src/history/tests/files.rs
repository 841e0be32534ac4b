//! The history in a file.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::file::FileError;
use super::super::functions::Pace;
use super::super::identity::FunctionId;
use super::super::store::FunctionReading;
use super::*;
use crate::histogram::{Histogram, Scale};

pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("perf-sdk-history-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn open(path: &Path) -> Result<History, FileError> {
    History::open_with(Reserved::beside(2 << 20), path).map(|history| history.expect("memory"))
}

/// What each second has is a function of the second.
pub(super) fn level_at(now: u64) -> f64 {
    (now % 97) as f64 + (now / 100 % 7) as f64
}

pub(super) fn events_at(now: u64) -> f64 {
    (now - START) as f64 * 3.0
}

/// Two calls a second, of which the length depends on the minute.
pub(super) fn time_at(now: u64) -> u64 {
    1_000_000 + now / 60 % 50 * 40_000
}

pub(super) fn tell(history: &mut History, now: u64, times: &mut Histogram) {
    let Some(mut round) = history.round(now) else { return };
    times.record(time_at(now), 2);
    round.reading(&reading(&LEVEL, &Labels::NONE, level_at(now)));
    round.reading(&reading(&EVENTS, &numbered(1), events_at(now)));
    let reading = FunctionReading {
        function: FunctionId::named("work"),
        calls: times.count(),
        errors: 0,
        self_ns: times.sum(),
        cpu_ns: Some(times.sum() / 2),
        allocated_bytes: Some(0),
        live_bytes: None,
        times,
        is_new: false,
    };
    round.function(&reading, Pace::Second);
}

/// All that is in the history is true. Returns the seconds that it has.
pub(super) fn assert_true(history: &History) -> u32 {
    let mut seconds = 0;
    if let Some(level) = history.find("test_level", &[]) {
        for point in history.points(level, 0, u32::MAX) {
            let all = (point.from..point.from + point.seconds).map(u64::from);
            if point.covered == point.seconds {
                let mean = all.clone().map(level_at).sum::<f64>() / f64::from(point.seconds);
                assert!((point.mean - mean).abs() <= mean / 250.0 + 0.02, "{point:?}, not {mean}");
                let peak = all.map(level_at).fold(0.0, f64::max);
                assert!((point.peak - peak).abs() <= peak / 250.0 + 0.02, "{point:?}, not {peak}");
            }
            seconds += point.covered;
        }
    }
    if let Some(events) = history.find("test_events_total", &[("number", "1")]) {
        assert!(history.points(events, 0, u32::MAX).all(|point| (point.mean - 3.0).abs() < 0.02));
    }
    if let Some(times) = history.times(FunctionId::named("work"), (0, u32::MAX)).value() {
        let (least, most) = (times.lower_bound().unwrap(), times.upper_bound().unwrap());
        assert!(least > 970_000 && most < 3_100_000, "{least} to {most}");
        assert!(times.count() <= 2 * u64::from(history.newest() + 1 - START as u32));
    }
    seconds
}

/// Writes seconds into a file, and ends as at a `kill -9`: nothing more is written.
fn write(path: &Path, seconds: std::ops::Range<u64>) {
    let mut history = open(path).unwrap();
    let mut times = Histogram::new(Scale::Seconds);
    seconds.for_each(|now| tell(&mut history, START + now, &mut times));
    std::mem::forget(history);
}

/// The lock of a forgotten history stays; a copy has none.
fn copy(of: &Path, to: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(of).unwrap();
    change(&mut bytes);
    fs::write(to, bytes).unwrap();
}

#[test]
fn a_history_goes_on_where_it_ended() {
    let folder = Folder::new("reopened");
    let path = folder.0.join("history");
    let mut times = Histogram::new(Scale::Seconds);
    let (mut next, mut seconds) = (0, 0);
    for run in 0..4 {
        let mut history = open(&path).unwrap();
        let file = history.file_counts().unwrap();
        assert_eq!((file.damaged, file.dropped_tail_bytes, file.senseless_records), (0, 0, 0), "run {run}");
        assert_eq!(assert_true(&history), seconds, "run {run}");
        for now in next..next + 3_605 {
            tell(&mut history, START + now, &mut times);
        }
        next += 3_605 + 400;
        let level = history.find("test_level", &[]).unwrap();
        seconds = history.average(level, 0, u32::MAX).coverage().seconds;
        assert!(history.file_counts().unwrap().writes >= 360);
        let end = history.newest() + 1;
        assert_eq!(history.average(level, end - 600, end).coverage().seconds, 600);
        assert!(seconds as u64 >= 3_590 * (run + 1), "{seconds} in run {run}");
        assert!(
            (3_000..3_010).contains(&history.times(FunctionId::named("work"), (end - 3_000, end)).coverage().seconds)
        );
        // What is in progress is in no closed interval yet.
        drop(history);
        let history = open(&path).unwrap();
        seconds = assert_true(&history);
        assert!(seconds as u64 >= 3_590 * (run + 1), "{seconds} in run {run}");
    }
}

#[test]
fn a_file_that_ends_anywhere_is_opened_and_lacks_its_end_only() {
    let folder = Folder::new("cut");
    let (path, cut) = (folder.0.join("history"), folder.0.join("cut"));
    write(&path, 0..400);
    let length = fs::metadata(&path).unwrap().len();
    let mut random = Random(5);
    let mut last = 0;
    // Each byte of the beginning, where series are defined, and many others.
    let mut lengths: Vec<u64> = (0..120).chain((0..120).map(|_| random.below(length))).collect();
    lengths.sort_unstable();
    for end in lengths {
        copy(&path, &cut, |bytes| bytes.truncate(end as usize));
        let mut history = open(&cut).unwrap();
        let seconds = assert_true(&history);
        assert!(seconds >= last, "a longer file has more");
        last = seconds;
        let file = history.file_counts().unwrap();
        assert!(file.bytes <= end.max(24) && (file.bytes < end) == (file.dropped_tail_bytes > 0 && end > 24));
        // It goes on, and what is written now can be read.
        let mut times = Histogram::new(Scale::Seconds);
        (500..540).for_each(|now| tell(&mut history, START + now, &mut times));
        drop(history);
        let history = open(&cut).unwrap();
        assert_eq!(assert_true(&history), seconds + 40);
        assert_eq!(history.file_counts().unwrap().damaged, 0);
    }
    assert!(last >= 350, "{last}");
}

#[test]
fn a_flipped_bit_is_counted_and_costs_little() {
    let folder = Folder::new("flipped");
    let (path, damaged) = (folder.0.join("history"), folder.0.join("damaged"));
    write(&path, 0..600);
    let length = fs::metadata(&path).unwrap().len();
    let mut random = Random(6);
    for _ in 0..150 {
        let at = 24 + random.below(length - 24) as usize;
        copy(&path, &damaged, |bytes| bytes[at] ^= 1 << random.below(8));
        let history = open(&damaged).unwrap();
        let file = history.file_counts().unwrap();
        assert!(file.damaged + u64::from(file.dropped_tail_bytes > 0) >= 1, "{at}: {file:?}");
        // A damaged definition costs the points of its series.
        let seconds = assert_true(&history);
        assert!(seconds >= 560 || history.find("test_level", &[]).is_none(), "{at}: {seconds}");
    }
    // Anything behind the header.
    copy(&path, &damaged, |bytes| bytes[24..].iter_mut().for_each(|byte| *byte = random.next() as u8));
    let history = open(&damaged).unwrap();
    assert_eq!((assert_true(&history), history.file_counts().unwrap().read_records), (0, 0));
}

#[test]
fn what_is_no_history_is_named_and_left_alone() {
    let folder = Folder::new("foreign");
    let path = folder.0.join("history");
    let said = |result: Result<History, FileError>| result.err().map(|error| (error.to_string(), error)).unwrap();
    let (text, error) = said(open(&folder.0));
    assert!(matches!(error, FileError::NotAFile) && text.contains("no regular file"), "{text}");
    for contents in ["x", "perf-sdk hisTory!!!!!!!!!!!!!!!!", "perf-sdk history"] {
        fs::write(&path, contents).unwrap();
        match open(&path) {
            Err(error) => {
                assert!(matches!(error, FileError::Foreign));
                assert_eq!(fs::read_to_string(&path).unwrap(), contents);
            }
            Ok(history) => {
                assert_eq!(contents, "perf-sdk history", "a header that was being written");
                assert_eq!(history.file_counts().unwrap().dropped_tail_bytes, 16);
            }
        }
    }
    fs::write(&path, b"perf-sdk history\x07\0\0\0\0\0\0\0rest").unwrap();
    let (text, error) = said(open(&path));
    assert!(matches!(error, FileError::Version { found: 7 }) && text.contains("version 7"), "{text}");
    let (text, error) = said(open(&folder.0.join("none").join("history")));
    assert!(matches!(error, FileError::System { .. }) && text.contains("opening failed"), "{text}");
    fs::remove_file(&path).unwrap();
    let first = open(&path).unwrap();
    if cfg!(unix) {
        let (text, error) = said(open(&path));
        assert!(matches!(error, FileError::Locked) && text.contains("another process"), "{text}");
    }
    drop(first);
    assert!(open(&path).is_ok());
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for_and_the_file_is_this_users() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("pipe");
    let path = folder.0.join("history");
    drop(std::os::unix::net::UnixListener::bind(folder.0.join("socket")).unwrap());
    assert!(matches!(open(&folder.0.join("socket")), Err(FileError::NotAFile)));
    drop(open(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_full_disk_is_counted_and_what_follows_is_written_once_there_is_room() {
    let folder = Folder::new("full");
    let path = folder.0.join("history");
    let mut history = open(&path).unwrap();
    let mut times = Histogram::new(Scale::Seconds);
    history.journal().room = 700;
    (0..300).for_each(|now| tell(&mut history, START + now, &mut times));
    let file = history.file_counts().unwrap();
    assert!(file.failed_writes > 10 && file.last_failure == Some(std::io::ErrorKind::StorageFull), "{file:?}");
    assert_eq!(fs::metadata(&path).unwrap().len(), file.bytes, "no part of a record is left");
    assert_eq!(
        history.find("test_level", &[]).map(|level| history.average(level, 0, u32::MAX).coverage().seconds),
        Some(300)
    );
    history.journal().room = u64::MAX;
    (300..600).for_each(|now| tell(&mut history, START + now, &mut times));
    drop(history);
    let history = open(&path).unwrap();
    let seconds = assert_true(&history);
    assert!((300..400).contains(&seconds), "{seconds}");
    let file = history.file_counts().unwrap();
    assert_eq!((file.damaged, file.dropped_tail_bytes, file.senseless_records), (0, 0, 0));
}

#[test]
fn a_long_file_is_written_anew_and_says_the_same() {
    let folder = Folder::new("long");
    let path = folder.0.join("history");
    let mut history = open(&path).unwrap();
    let mut times = Histogram::new(Scale::Seconds);
    history.journal().rewritten_at = 40_000;
    let mut largest = 0;
    for now in 0..30_000 {
        tell(&mut history, START + now, &mut times);
        largest = largest.max(history.file_counts().unwrap().bytes);
    }
    let file = history.file_counts().unwrap();
    assert!(file.rewrites >= 2 && file.failed_rewrites == 0, "{file:?}");
    assert!(largest < 400_000, "{largest}");
    let (level, end) = (history.find("test_level", &[]).unwrap(), history.newest());
    let average = |history: &History| history.average(level, 0, end - 60).value().unwrap();
    let (seconds, before) = (assert_true(&history), average(&history));
    let before_times = history.times(FunctionId::named("work"), (0, end - 4_000)).value().unwrap();
    // A rewrite for which there is no room leaves the file as it is.
    history.journal().room = 1_000;
    history.journal().rewritten_at = 0;
    (30_000..30_020).for_each(|now| tell(&mut history, START + now, &mut times));
    assert!(history.file_counts().unwrap().failed_rewrites > 0);
    history.journal().room = u64::MAX;
    (30_020..30_040).for_each(|now| tell(&mut history, START + now, &mut times));
    drop(history);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "nothing is left beside it");
    let history = open(&path).unwrap();
    assert!(assert_true(&history) + 60 >= seconds);
    assert!((average(&history) / before - 1.0).abs() < 0.01);
    let after_times = history.times(FunctionId::named("work"), (0, end - 4_000)).value().unwrap();
    assert!(after_times.count().abs_diff(before_times.count()) <= before_times.count() / 20);
}

/// A file of version 1, in which functions had names only.
fn of_version_1(path: &Path, seconds: std::ops::Range<u64>) {
    write(path, seconds);
    copy(path, &path.with_extension("1"), |bytes| bytes[16] = 1);
    fs::rename(path.with_extension("1"), path).unwrap();
}

#[test]
fn a_file_without_modules_is_read_and_goes_on_with_them() {
    let folder = Folder::new("version-1");
    let path = folder.0.join("history");
    of_version_1(&path, 0..300);
    let start = START as u32;
    let module = |module| FunctionId { name: "work", module };
    let mut history = open(&path).unwrap();
    let before = history.times(module(""), (start, start + 300)).value().unwrap().count();
    assert!(before >= 2 * 280, "{before}");
    assert_eq!(fs::read(&path).unwrap()[16..20], 2_u32.to_le_bytes(), "an earlier program would misread it");
    let mut all = [Histogram::new(Scale::Seconds), Histogram::new(Scale::Seconds)];
    for now in START + 400..START + 700 {
        let Some(mut round) = history.round(now) else { continue };
        for ((times, module), calls) in all.iter_mut().zip([module("a"), module("b")]).zip([1, 3]) {
            times.record(1_000_000 * calls, calls);
            let reading = FunctionReading {
                function: module,
                calls: times.count(),
                errors: 0,
                self_ns: times.sum(),
                cpu_ns: None,
                allocated_bytes: None,
                live_bytes: Some(10 * calls),
                times,
                is_new: false,
            };
            round.function(&reading, Pace::Second);
        }
    }
    drop(history);
    let history = open(&path).unwrap();
    let window = (start + 400, start + 700);
    let counts = ["a", "b", ""].map(|one| history.times(module(one), window).value().map(|times| times.count()));
    assert!(matches!(counts, [Some(a), Some(b), None] if a >= 280 && b == 3 * a), "{counts:?}");
    let all = (start, start + 700);
    let named = history.times_named("work", all);
    let seconds = |of| history.times(module(of), all).coverage().seconds;
    assert_eq!((named.coverage().seconds, seconds("a")), (seconds("") + seconds("b"), seconds("b")));
    assert_eq!(named.value().unwrap().count(), before + counts[0].unwrap() + counts[1].unwrap());
    assert!(history.times_named("wor", window).value().is_none());
    // One series of each module, and that of names only.
    assert_eq!(history.find_named(0, "work").count(), 3);
    let rate = |of: &'static str| {
        let series = history.find_of("function_calls_total", module(of)).unwrap();
        history.average(series, start + 420, start + 680).value()
    };
    assert_eq!((rate("a"), rate("b"), rate("")), (Some(1.0), Some(3.0), None));
}

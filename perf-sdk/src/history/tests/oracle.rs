//! Averages, peaks and changes of any window are those of a list of all values.

use super::super::answers::Answer;
use super::*;

/// A series as a list: what each second has, and what it grew by.
struct Naive {
    description: &'static Description,
    seconds: Vec<(u32, f64)>,
    latest: Option<(u32, f64)>,
}

impl Naive {
    fn is_counter(&self) -> bool {
        self.description.kind == Kind::Counter
    }

    fn read(&mut self, now: u32, newest: u32, value: f64) {
        let before = self.latest.replace((now, value));
        let elapsed = before.map_or(1, |before| now - before.0);
        let filled = if elapsed <= 3 { elapsed.min(now + 1 - newest / 10 * 10) } else { 1 };
        let each = match before {
            _ if !self.is_counter() => value,
            None => return,
            Some((_, before)) if value < before => value / f64::from(elapsed),
            Some((_, before)) => (value - before) / f64::from(elapsed),
        };
        self.seconds.extend((now + 1 - filled..=now).map(|second| (second, each)));
    }

    fn within(&self, from: u32, to: u32) -> &[(u32, f64)] {
        let start = self.seconds.partition_point(|second| second.0 < from);
        &self.seconds[start..self.seconds.partition_point(|second| second.0 < to)]
    }
}

fn check(history: &History, naive: &Naive, labels: &[(&str, &str)], (from, to): (u32, u32)) -> u32 {
    let name = naive.description.name;
    let series = history.find(name, labels).expect("the series");
    let (average, coverage) = match history.average(series, from, to) {
        Answer::Found(average, coverage) => (average, coverage),
        answer => {
            assert_eq!(answer, Answer::NotCovered);
            assert!(naive.within(from, to).is_empty(), "{name}: {from} to {to} is not covered");
            return 0;
        }
    };
    // The parts of the window at both ends, by a minute at most, and no more.
    assert!(coverage.from + 60 > from && coverage.to < to + 60, "{name} {from} {to} {coverage:?}");
    let all = naive.within(coverage.from, coverage.to);
    let context = format!("{name} {from}..{to} {coverage:?} at {}", history.newest());
    assert_eq!(coverage.seconds as usize, all.len(), "{context}");
    let sum: f64 = all.iter().map(|second| second.1).sum();
    let size: f64 = all.iter().map(|second| second.1.abs()).sum::<f64>() / all.len() as f64;
    // A part of a second's count is rounded, such that the sum is right.
    let step = if naive.is_counter() { 2.0 / all.len() as f64 } else { 0.01 };
    let close = |found: f64, expected: f64, size: f64| {
        assert!((found - expected).abs() <= size / 500.0 + step, "{context}: {found}, not {expected}");
    };
    close(average, sum / all.len() as f64, size);
    let change = history.change(series, from, to).value().expect("a change");
    if naive.is_counter() {
        close(change / all.len() as f64, sum / all.len() as f64, size);
    } else {
        let largest = all.iter().map(|second| second.1).fold(f64::NEG_INFINITY, f64::max);
        close(history.peak(series, from, to).value().expect("a peak"), largest, largest.abs());
    }
    coverage.seconds
}

#[test]
fn windows_are_those_of_a_list() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut history = history(4 << 20);
    let of = |description| Naive { description, seconds: Vec::new(), latest: None };
    let mut all = [of(&LEVEL), of(&BYTES), of(&EVENTS)];
    let labels = Labels::of(&[("of", "these"), ("and", "those")]);
    let names = [("of", "these"), ("and", "those")];
    let (mut now, mut level, mut bytes, mut events) = (START, 10.0, 3e8, 0.0);
    let end = START + 8 * 86_400;
    let mut asked = 0;
    while now < end {
        now += match random.below(4_000) {
            0 => random.below(9_000),
            1..10 => random.below(30),
            10..200 => 2,
            _ => 1,
        };
        level = (level + random.noise()).clamp(-40.0, 900.0);
        bytes = f64::max(bytes + random.noise() * 4096.0 * 50.0, 4096.0);
        events += (random.below(30) * random.below(2)) as f64;
        if random.below(100_000) == 0 {
            events = random.below(40) as f64;
        }
        let newest = history.newest();
        let Some(mut round) = history.round(now) else { continue };
        for (naive, value) in all.iter_mut().zip([level.round(), (bytes / 4096.0).round() * 4096.0, events]) {
            // Now and then one of them is missing.
            if random.below(50) > 0 {
                round.reading(&reading(naive.description, &labels, value));
                naive.read(now as u32, newest, value);
            }
        }
        drop(round);
        if random.below(3_000) == 0 {
            for naive in &all {
                let length = [30, 600, 5_000, 80_000, 500_000][random.below(5) as usize];
                let to = now - random.below(length).min(now - START);
                let from = to - random.below(length);
                // What is going on, and what is older than seven days, is not in question here.
                let oldest = now - 7 * 86_400 + 60;
                let window = (from.max(oldest) as u32, to.max(oldest + 1) as u32);
                asked += u32::from(check(&history, naive, &names, window) > 0);
            }
        }
    }
    assert!(asked > 200, "{asked} windows");
    assert_eq!(history.counts(), super::super::counts::Counts::default(), "nothing was lost");
    assert_eq!(history.find("test_level", &[("of", "these")]), None);
    assert_eq!(history.series().len(), 3);
    assert_eq!(history.series()[0].labels[1], ("and".to_owned(), "those".to_owned()));
}

#[test]
fn gaps_are_gaps_and_columns_have_the_step_of_the_coarsest_point() {
    let mut history = history(2 << 20);
    let start = 1_795_000_020;
    for now in (start..start + 300).filter(|now| !(start + 100..start + 160).contains(now)) {
        history.round(now).unwrap().reading(&reading(&LEVEL, &Labels::NONE, (now - start) as f64));
    }
    assert!(history.round(start + 299).is_none(), "this second was there");
    let series = history.find("test_level", &[]).unwrap();
    let begin = start as u32;
    let columns = history.columns(series, begin, begin + 300, 20);
    assert_eq!((columns.from, columns.step, columns.mean.len()), (begin, 20, 15));
    assert_eq!(columns.mean[4], Some(89.5));
    assert_eq!(columns.mean[5..8], [None; 3]);
    assert_eq!((columns.mean[8], columns.peak[14]), (Some(169.5), Some(299.0)));
    assert_eq!(history.average(series, begin + 100, begin + 160), Answer::NotCovered);
    assert_eq!(history.change(series, begin, begin + 100).value(), Some(99.0));
    let half = history.average(series, begin, begin + 200);
    assert_eq!((half.coverage().seconds, half.coverage().share(begin, begin + 200)), (140, 0.7));
    // An hour later the seconds are gone, and tens of seconds answer.
    for now in (start + 300..start + 4_000).step_by(1) {
        history.round(now).unwrap().reading(&reading(&LEVEL, &Labels::NONE, 7.0));
    }
    let columns = history.columns(series, begin + 3, begin + 300, 1);
    assert_eq!((columns.from, columns.step, columns.mean[0], columns.peak[0]), (begin, 10, Some(4.5), Some(9.0)));
    assert_eq!(columns.mean[10..16], [None; 6]);
}

#[test]
fn a_clock_that_is_set_back_takes_what_is_later_with_it() {
    let mut history = history(2 << 20);
    let mut value = 0.0;
    let tell = |history: &mut History, now: u64, value: f64| {
        history.round(now).map(|mut round| {
            round.reading(&reading(&EVENTS, &Labels::NONE, value));
            round.reading(&reading(&LEVEL, &Labels::NONE, value));
        })
    };
    for now in START..START + 2_000 {
        value += 5.0;
        tell(&mut history, now, value).unwrap();
    }
    // A little back: it waits, and the counter's next value is no difference.
    assert!((0..30).all(|second| tell(&mut history, START + 1_970 + second, 1e9).is_none()));
    assert_eq!(history.counts().clock_steps_back, 1);
    for now in START + 2_000..START + 2_010 {
        value += 5.0;
        tell(&mut history, now, value).unwrap();
    }
    let series = history.find("test_events_total", &[]).unwrap();
    let (start, end) = (START as u32, START as u32 + 2_010);
    assert_eq!(history.average(series, end - 9, end).value(), Some(5.0));
    assert_eq!(history.average(series, end - 200, end).coverage().seconds, 199);
    // Far back: what is later than the new time goes.
    for now in START + 1_000..START + 1_100 {
        value += 3.0;
        tell(&mut history, now, value).unwrap();
    }
    assert_eq!(history.newest(), start + 1_099);
    assert!(history.counts().cut_points > 1_000);
    assert_eq!(history.counts().clock_steps_back, 2);
    assert_eq!(history.average(series, start + 1_001, end).value(), Some(3.0));
    assert_eq!(history.average(series, start + 1_001, end).coverage().to, start + 1_100);
    let before = history.average(series, start + 500, start + 900);
    assert!((before.value().unwrap() - 5.0).abs() < 0.01 && before.coverage().seconds >= 400);
    let level = history.find("test_level", &[]).unwrap();
    assert_eq!(history.points(level, start, end).filter(|point| point.from + point.seconds > start + 1_100).count(), 0);
    // Forward by a day: a gap. By more than the history has: nothing is left of what was.
    tell(&mut history, START + 90_000, 1.0).unwrap();
    assert_eq!(history.average(series, start + 2_000, start + 80_000), Answer::NotCovered);
    assert!(history.average(series, start, start + 900).value().is_some());
    for now in START + 9_000_000..START + 9_000_200 {
        tell(&mut history, now, 1.0).unwrap();
    }
    assert_eq!(history.average(series, start, start + 100_000), Answer::NotCovered);
    assert_eq!(history.counts().late_points, 0);
    tell(&mut history, u64::MAX, 1.0).unwrap();
}

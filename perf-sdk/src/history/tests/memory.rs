//! The bound on memory.

use super::super::store::DEFAULT_BYTES;
use super::*;

/// Rounds such that each level is full: 8 days by the minute, 6 hours by ten seconds, 15 minutes.
pub(super) fn filling() -> impl Iterator<Item = u64> {
    let end = START + 8 * 86_400;
    let minutes = (START..end - 6 * 3_600).step_by(60);
    minutes.chain((end - 6 * 3_600..end - 900).step_by(10)).chain(end - 900..end)
}

/// What 500 series of a service are like: a third is flat.
pub(super) struct Service {
    random: Random,
    labels: Vec<Labels>,
    values: Vec<f64>,
}

impl Service {
    pub(super) fn new(series: usize) -> Self {
        Self { random: Random(42), labels: (0..series).map(numbered).collect(), values: vec![0.0; series] }
    }

    pub(super) fn tell(&mut self, history: &mut History, now: u64) {
        let elapsed = now.saturating_sub(history.newest().into()).clamp(1, 60) as f64;
        let Some(mut round) = history.round(now) else { return };
        for (number, (value, labels)) in self.values.iter_mut().zip(&self.labels).enumerate() {
            let random = &mut self.random;
            let typical = (1 + number) as f64;
            let description = match number % 6 {
                // Limits, start times, sizes of pools.
                0 | 1 => {
                    *value = typical * 1e6;
                    &BYTES
                }
                // Threads, connections: they change seldom.
                2 => {
                    *value = if random.below(300) == 0 { random.below(60) as f64 } else { *value };
                    &LEVEL
                }
                // Resident memory and the like: wanders, and is noisy.
                3 => {
                    *value = f64::max(*value + random.noise() * 1e5 * elapsed.sqrt(), typical * 1e6);
                    &BYTES
                }
                // Requests.
                4 => {
                    *value += f64::max(typical * elapsed + random.noise() * (typical * elapsed).sqrt(), 0.0).round();
                    &EVENTS
                }
                // Shares, which are noise.
                _ => {
                    *value = (0.4 + random.noise() * 0.05 / elapsed.sqrt()).clamp(0.0, 1.0);
                    &SHARE
                }
            };
            round.reading(&reading(description, labels, *value));
        }
    }
}

#[test]
fn the_series_of_a_service_have_seven_days_in_eight_mebibytes() {
    seven_days(50, 1 << 20);
}

/// Seven million readings.
#[test]
#[cfg_attr(debug_assertions, ignore = "fast in a release build only")]
fn the_series_of_a_large_service_have_seven_days_in_eight_mebibytes() {
    seven_days(500, DEFAULT_BYTES);
}

fn seven_days(series: usize, most: usize) {
    let mut history = history(most);
    let mut service = Service::new(series);
    let bytes = history.bytes();
    assert!(bytes <= most, "{bytes} bytes");
    filling().for_each(|now| service.tell(&mut history, now));
    assert_eq!(history.bytes(), bytes, "what was taken at the start is all");
    assert_eq!(history.counts(), super::super::counts::Counts::default(), "nothing went before its time");
    let now = history.newest();
    for info in history.series() {
        let oldest = history.points(info.id, 0, u32::MAX).next().unwrap();
        assert!(now - oldest.from > 7 * 86_400 - 120 && now - oldest.from <= 7 * 86_400 + 60, "{info:?} {oldest:?}");
    }
}

#[test]
fn noise_that_cannot_be_compressed_loses_the_oldest_points_of_the_coarsest_level() {
    noise(50, 1 << 20);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "fast in a release build only")]
fn noise_of_500_series_loses_the_oldest_points_of_the_coarsest_level() {
    noise(500, DEFAULT_BYTES);
}

fn noise(series: usize, most: usize) {
    let mut history = history(most);
    let bytes = history.bytes();
    let labels: Vec<Labels> = (0..series).map(numbered).collect();
    let mut random = Random(4);
    for now in filling() {
        let mut round = history.round(now).unwrap();
        for labels in &labels {
            // Any power of two: all bits are new.
            let value = (random.share() * 40.0).exp2();
            round.reading(&reading(&BYTES, labels, value));
        }
    }
    assert_eq!(history.bytes(), bytes);
    let counts = history.counts();
    assert!(counts.evicted_points[2] > 0);
    assert_eq!((counts.evicted_points[0], counts.evicted_points[1], counts.dropped_points), (0, 0, 0));
    let now = history.newest();
    for info in history.series() {
        let count = |seconds| history.points(info.id, 0, u32::MAX).filter(|point| point.seconds == seconds).count();
        assert!(count(1) >= 890 && count(10) >= 2_060, "{} {}", count(1), count(10));
        let oldest = history.points(info.id, 0, u32::MAX).next().unwrap().from;
        assert!(now - oldest > 6 * 3_600, "the finer levels are whole: {}", now - oldest);
    }
}

#[test]
fn more_series_than_there_are_places_are_refused_and_old_ones_make_room() {
    let mut history = history(1 << 20);
    let most = 256;
    let labels: Vec<Labels> = (0..most + 10).map(numbered).collect();
    let tell = |history: &mut History, now: u64, range: std::ops::Range<usize>| {
        let mut round = history.round(now).unwrap();
        labels[range].iter().for_each(|labels| round.reading(&reading(&LEVEL, labels, 1.0)));
        round.reading(&reading(&LEVEL, &labels[0], f64::NAN));
    };
    tell(&mut history, START, 0..most + 10);
    assert_eq!((history.series().len(), history.counts().refused_readings), (most, 10));
    assert_eq!(history.counts().refused_values, 1);
    let long = Labels::of(&[("long", &"x".repeat(1_000))]);
    history.round(START + 1).unwrap().reading(&reading(&LEVEL, &long, 1.0));
    assert_eq!(history.counts().refused_readings, 11);
    // A week later the old ones are gone.
    for now in 0..3 {
        tell(&mut history, START + 8 * 86_400 + now * 60, most..most + 10);
    }
    assert_eq!(history.series().len(), 10);
    assert!(history.find("test_level", &[("number", "260")]).is_some());
    assert!(history.find("test_level", &[("number", "0")]).is_none());
}

#[test]
fn a_series_that_is_missing_gives_its_place_to_a_new_one() {
    let mut history = history(2 << 20);
    let labels: Vec<Labels> = (0..612).map(numbered).collect();
    let tell = |history: &mut History, now: u64, numbers: std::ops::Range<usize>| {
        let Some(mut round) = history.round(now) else { return };
        labels[numbers].iter().for_each(|labels| round.reading(&reading(&LEVEL, labels, 1.0)));
    };
    let is_there = |history: &History, number: usize| {
        let labels = number.to_string();
        history.find("test_level", &[("number", &labels)]).is_some()
    };
    (START..START + 60).for_each(|now| tell(&mut history, now, 0..512));
    // All places are taken, and those that are read keep theirs.
    (START + 60..START + 100).for_each(|now| tell(&mut history, now, 0..520));
    assert_eq!((history.number_of_series(), is_there(&history, 512)), (512, false));
    (START + 100..START + 300).for_each(|now| tell(&mut history, now, 50..560));
    assert_eq!(history.number_of_series(), 512);
    assert!((50..560).all(|number| is_there(&history, number)));
    assert_eq!((0..50).filter(|number| is_there(&history, *number)).count(), 2, "48 places were needed");
}

//! Series of a program that is well, and of one that is not.

use std::f64::consts::TAU;

use super::*;

/// Marsaglia's xorshift.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Above 0 and at most 1.
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Normal, by Box and Muller (1958).
    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (TAU * self.unit()).cos()
    }
}

/// Normal noise about 0, of which each sample has this share of the one before.
pub(super) fn noise(random: &mut Random, correlation: f64, deviation: f64) -> impl Iterator<Item = f64> {
    let mut before = random.normal() * deviation;
    std::iter::repeat_with(move || {
        before = correlation * before + random.normal() * deviation * (1.0 - correlation * correlation).sqrt();
        before
    })
}

/// Of samples that are independent, and of those of which each has a half of the one before.
const CORRELATIONS: [f64; 2] = [0.0, 0.5];

/// Samples that are usual, and those in which a shift is looked for: with 10 s between two of them,
/// an hour and 5 minutes.
const USUAL: usize = 360;
const LOOKED_AT: usize = 30;

/// How many samples of a series are alarms, when they are looked at as they come.
fn alarms(series: &[f64]) -> usize {
    let window = USUAL + LOOKED_AT;
    let is_shift = |end: usize| {
        let (before, recent) = series[end - window..end].split_at(USUAL);
        Usual::of(before).is_some_and(|usual| shift(&usual, recent).is_some())
    };
    // An alarm that goes on is one alarm.
    let mut was = false;
    let begins = |end: &usize| {
        let is = is_shift(*end);
        let was = std::mem::replace(&mut was, is);
        is && !was
    };
    (window..=series.len()).filter(begins).count()
}

/// Three shapes of noise: on a linear scale, correlated, and log-normal.
fn healthy(number: usize, correlation: f64, is_log: bool, deviation: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let of = |noise: f64| if is_log { 100.0 * noise.exp() } else { 100.0 * (1.0 + noise).max(0.0) };
    noise(&mut random, correlation, deviation).take(number).map(of).collect()
}

/// Of 60,000 samples of each: 0 alarms where they are independent or log-normal, and 2 and 5 in
/// correlated noise of 10 and 20 %.
#[test]
fn of_ten_thousand_samples_of_healthy_series_at_most_one_is_an_alarm() {
    const SAMPLES: usize = 10_000;
    let (mut found, mut series) = (0, 0);
    for correlation in CORRELATIONS {
        for (is_log, deviation) in [(false, 0.1), (false, 0.2), (true, 0.2), (true, 0.8)] {
            let alarms = alarms(&healthy(SAMPLES, correlation, is_log, deviation, 11));
            println!("{correlation} log {is_log} {deviation}: {alarms} alarms in {SAMPLES} samples");
            (found, series) = (found + alarms, series + 1);
        }
    }
    assert!(found <= series, "{found} in {series} times {SAMPLES}");
}

#[test]
fn a_step_of_three_standard_deviations_is_found_within_twelve_samples() {
    for correlation in CORRELATIONS {
        for deviation in [0.1, 0.3] {
            let mut late = 0;
            let mut found_after = Vec::new();
            for seed in 0..200 {
                let mut series = healthy(USUAL + LOOKED_AT, correlation, true, deviation, seed);
                let step = USUAL + LOOKED_AT - 12;
                series[step..].iter_mut().for_each(|value| *value *= (3.0 * deviation).exp());
                let (before, recent) = series.split_at(USUAL);
                let usual = Usual::of(before).unwrap();
                let found = (1..=12).find(|after| {
                    let end = step - USUAL + after;
                    shift(&usual, &recent[..end]).is_some()
                });
                found_after.extend(found);
                late += usize::from(found.is_none());
            }
            found_after.sort_unstable();
            let median = found_after[found_after.len() / 2];
            println!("{correlation} {deviation}: median {median}, {late} of 200 later than 12");
            // Of 12 samples that hang together, four are news.
            let most = if correlation > 0.0 { 30 } else { 10 };
            assert!(late <= most, "{correlation} {deviation}: {late} of 200 were found later");
        }
    }
}

/// One sample each 10 s.
fn day(seed: u64, amplitude: f64) -> Vec<f64> {
    const SAMPLES_A_DAY: usize = 8_640;
    let mut random = Random::new(seed);
    noise(&mut random, 0.5, 0.1)
        .take(SAMPLES_A_DAY)
        .enumerate()
        .map(|(at, noise)| {
            let hour = at as f64 / SAMPLES_A_DAY as f64;
            100.0 * (1.0 + amplitude * (hour * TAU).sin()) * noise.exp()
        })
        .collect()
}

/// In six days of each amplitude there were 0, 1 and 1.
#[test]
fn the_load_of_a_day_is_at_most_one_alarm_a_day() {
    for amplitude in [0.3, 0.6, 0.8] {
        let alarms = alarms(&day(5, amplitude));
        assert!(alarms <= 1, "amplitude {amplitude}: {alarms}");
    }
}

#[test]
fn a_drift_of_one_percent_an_hour_is_a_trend_after_six_hours() {
    for correlation in CORRELATIONS {
        let (mut found, mut false_ones) = (0, 0);
        for seed in 0..100 {
            let steady = healthy(2_160, correlation, true, 0.05, 1_000 + seed);
            let points = |drift: f64| -> Vec<(f64, f64)> {
                let drifted = |(at, value): (usize, &f64)| {
                    let time = at as f64 * 10.0;
                    (time, value * (1.0 + drift * time / 3_600.0))
                };
                steady.iter().enumerate().map(drifted).collect()
            };
            false_ones += usize::from(trend(&points(0.0)).is_some());
            let drift = trend(&points(0.01)).map_or(0.0, |slope| slope * 3_600.0 / 100.0);
            found += usize::from((drift - 0.01).abs() < 0.004);
        }
        println!("{correlation}: {found} of 100 found, {false_ones} of 100 without drift");
        assert!(found >= 97 && false_ones <= 1, "{correlation}: {found}, {false_ones}");
    }
}

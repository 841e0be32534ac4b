//! Makes labelled series: two hours each, of which the first 75 minutes tell what is usual.
//!
//! What an operator wants to be told of is labelled: levels that changed, drifts, bursts of a
//! minute and more. Single values, deploys that go well, the load of a day and what each night has
//! are not. Some labels ask for more than the rule can know: a deploy that was meant to change the
//! level, a batch that is new, a value that is stuck.
//!
//! Only additions, multiplications, divisions and roots are used, which are the same on all
//! machines.

use super::series::Labelled;

/// Two hours.
const LENGTH: usize = 720;
/// What is wrong begins after 75 minutes.
const FROM: usize = 450;
const LEVEL: f64 = 200.0;
const MINUTE: usize = 6;

struct Random(u64);

impl Random {
    fn new(name: &str) -> Self {
        Self(name.bytes().fold(0x5eed, |seed: u64, byte| seed.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)) | 1)
    }

    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Close to normal: the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// Close to eˣ for small numbers.
fn exponential(x: f64) -> f64 {
    (0..10).fold(1.0 + x / 1_024.0, |power, _| power * power)
}

/// Close to sin(π x), for 0 to 1.
fn half_wave(x: f64) -> f64 {
    16.0 * x * (1.0 - x) / (5.0 - 4.0 * x * (1.0 - x))
}

#[derive(Clone, Copy)]
enum Noise {
    /// A deviation, on a linear scale.
    White(f64),
    /// The correlation of neighbours, and a deviation.
    Correlated(f64, f64),
    /// A deviation of logarithms.
    Log(f64),
}

/// Noise about 1.
fn noise(name: &str, noise: Noise) -> Vec<f64> {
    let mut random = Random::new(name);
    let mut before = random.normal();
    (0..LENGTH)
        .map(|_| {
            let new = random.normal();
            match noise {
                Noise::White(deviation) => (1.0 + deviation * new).max(0.0),
                Noise::Log(deviation) => exponential(deviation * new),
                Noise::Correlated(correlation, deviation) => {
                    before = correlation * before + (1.0 - correlation * correlation).sqrt() * new;
                    (1.0 + deviation * before).max(0.0)
                }
            }
        })
        .collect()
}

/// A series of which each value is multiplied by what `factor` says.
fn series(name: &str, shape: Noise, anomalies: &[(usize, usize)], factor: impl Fn(usize) -> f64) -> Labelled {
    let values = noise(name, shape).iter().enumerate().map(|(at, noise)| LEVEL * noise * factor(at)).collect();
    Labelled { name: name.to_owned(), values, anomalies: anomalies.to_vec(), ..Labelled::default() }
}

/// Multiplied by `by` within an interval.
fn within(at: usize, begin: usize, length: usize, by: f64) -> f64 {
    if (begin..begin + length).contains(&at) { by } else { 1.0 }
}

fn steps(all: &mut Vec<Labelled>) {
    let mut step = |name: &str, noise: Noise, by: f64| {
        all.push(series(name, noise, &[(FROM, LENGTH)], |at| within(at, FROM, LENGTH, by)));
    };
    step("step up by 30 % in noise of 5 %", Noise::White(0.05), 1.3);
    step("step up by 30 % in correlated noise of 10 %", Noise::Correlated(0.5, 0.1), 1.3);
    step("step up by 60 % in noise of 10 %", Noise::White(0.1), 1.6);
    step("step up by 60 % in correlated noise of 20 %", Noise::Correlated(0.5, 0.2), 1.6);
    step("step to twice in log-normal noise of 0.3", Noise::Log(0.3), 2.0);
    step("step to three times in log-normal noise of 0.6", Noise::Log(0.6), 3.0);
    step("step down by 30 % in noise of 5 %", Noise::White(0.05), 0.7);
    step("step to the half in correlated noise of 10 %", Noise::Correlated(0.5, 0.1), 0.5);
    step("step to a tenth in noise of 20 %", Noise::White(0.2), 0.1);
    let outage = [(FROM, FROM + 20 * MINUTE)];
    all.push(series("outage of 20 minutes", Noise::White(0.1), &outage, |at| within(at, FROM, 20 * MINUTE, 0.0)));
    let burst = [(FROM, FROM + 10 * MINUTE)];
    all.push(series("twice for ten minutes", Noise::White(0.1), &burst, |at| within(at, FROM, 10 * MINUTE, 2.0)));
}

fn spikes(all: &mut Vec<Labelled>) {
    let mut spike = |name: &str, noise: Noise, length: usize, by: f64| {
        all.push(series(name, noise, &[(FROM, FROM + length)], |at| within(at, FROM, length, by)));
    };
    spike("four times for a minute", Noise::White(0.1), MINUTE, 4.0);
    spike("twice for two minutes", Noise::White(0.1), 2 * MINUTE, 2.0);
    spike("half as much more for three minutes", Noise::Correlated(0.5, 0.2), 3 * MINUTE, 1.5);
    let begins = [FROM, FROM + 90, FROM + 180];
    let anomalies = begins.map(|begin| (begin, begin + 2 * MINUTE));
    let three = |at: usize| begins.iter().map(|begin| within(at, *begin, 2 * MINUTE, 3.0)).product();
    all.push(series("three times for two minutes, three times", Noise::White(0.1), &anomalies, three));
    let single = |at: usize| if at % 67 == 66 { 10.0 } else { 1.0 };
    all.push(series("single values of ten times", Noise::White(0.1), &[], single));
    let pairs = |at: usize| if at % 97 < 2 { 5.0 } else { 1.0 };
    all.push(series("pairs of values of five times", Noise::White(0.1), &[], pairs));
}

fn drifts(all: &mut Vec<Labelled>) {
    let mut drift = |name: &str, noise: Noise, length: usize, by: f64| {
        let factor = move |at: usize| 1.0 + by * (at.saturating_sub(FROM) as f64 / length as f64).min(1.0);
        all.push(series(name, noise, &[(FROM, (FROM + length).min(LENGTH))], factor));
    };
    drift("grows to twice in 30 minutes", Noise::White(0.05), 30 * MINUTE, 1.0);
    drift("grows by a half in 45 minutes", Noise::White(0.05), 45 * MINUTE, 0.5);
    drift("grows by a fifth in 45 minutes", Noise::Correlated(0.5, 0.05), 45 * MINUTE, 0.2);
    drift("falls to the half in 30 minutes", Noise::White(0.1), 30 * MINUTE, -0.5);
}

/// A program that starts anew: two values are missing, then it warms up.
fn deploy(series: &mut Labelled, at: usize, warm_up: usize, by: f64) {
    series.values[at..at + 2].fill(f64::NAN);
    series.values[at + 2..at + 2 + warm_up].iter_mut().for_each(|value| *value *= by);
}

fn deploys(all: &mut Vec<Labelled>) {
    let mut one = |name: &str, anomalies: &[(usize, usize)], level: f64, warm_ups: &[(usize, usize, f64)]| {
        let mut made = series(name, Noise::White(0.1), anomalies, |at| within(at, FROM, LENGTH, level));
        warm_ups.iter().for_each(|(at, length, by)| deploy(&mut made, *at, *length, *by));
        all.push(made);
    };
    one("deploy with a minute of warm-up", &[], 1.0, &[(FROM, MINUTE, 3.0)]);
    one("deploy with a cold start, then a tenth more", &[], 1.1, &[(FROM, 3, 0.3)]);
    one("deploy that was meant to save 40 %", &[], 0.6, &[(FROM, 0, 1.0)]);
    one("deploy that makes it 80 % slower", &[(FROM, LENGTH)], 1.8, &[(FROM, 0, 1.0)]);
    let three = [(FROM, 3, 2.0), (FROM + 90, 3, 2.0), (FROM + 180, 3, 2.0)];
    one("three deploys with half a minute of warm-up", &[], 1.0, &three);
}

/// Earlier days: means of a minute of what `factor` says, each day of its own height.
fn earlier(name: &str, days: usize, factor: impl Fn(usize) -> f64) -> Vec<Vec<f64>> {
    let mut random = Random::new(&format!("{name}, earlier"));
    let mean = |minute: usize| (0..MINUTE).map(|at| factor(minute * MINUTE + at)).sum::<f64>() / MINUTE as f64;
    let mut day = |_| {
        let height = 1.0 + 0.05 * random.normal();
        (0..LENGTH / MINUTE).map(|minute| LEVEL * height * mean(minute)).collect()
    };
    (0..days).map(&mut day).collect()
}

fn days(all: &mut Vec<Labelled>) {
    let shape = Noise::Correlated(0.5, 0.1);
    let share = |at: usize| at as f64 / LENGTH as f64;
    let morning = |at: usize| 0.4 + 1.2 * half_wave(share(at) / 2.0);
    let evening = |at: usize| 0.4 + 1.2 * half_wave(0.5 + share(at) / 2.0);
    let mut one = |name: &str, days: usize, anomalies: &[(usize, usize)], usual: &dyn Fn(usize) -> f64, now: f64| {
        let made = series(name, shape, anomalies, |at| usual(at) * within(at, FROM, LENGTH, now));
        all.push(Labelled { earlier: earlier(name, days, usual), ..made });
    };
    one("morning as each day", 7, &[], &morning, 1.0);
    one("evening as each day", 7, &[], &evening, 1.0);
    one("morning with 40 % of the load from a moment on", 7, &[(FROM, LENGTH)], &morning, 0.4);
    one("noon with 80 % more", 7, &[(FROM, LENGTH)], &|at| 1.4 + 0.2 * half_wave(share(at)), 1.8);
    // A cycle of ± 60 % in a day, at its steepest.
    one("a day's cycle without a history", 0, &[], &|at| 1.0 + 0.6 * 0.52 * (share(at) - 0.5), 1.0);
}

fn batches(all: &mut Vec<Labelled>) {
    const BATCH: usize = 25 * MINUTE;
    let shape = Noise::White(0.1);
    let batch = |at: usize| within(at, FROM, BATCH, 3.0);
    let none = |_: usize| 1.0;
    let mut one = |name: &str,
                   anomalies: &[(usize, usize)],
                   usual: Vec<(usize, &dyn Fn(usize) -> f64)>,
                   now: &dyn Fn(usize) -> f64| {
        let made = series(name, shape, anomalies, now);
        let days = usual.into_iter().flat_map(|(days, usual)| earlier(name, days, usual)).collect();
        all.push(Labelled { earlier: days, ..made });
    };
    one("nightly batch", &[], vec![(7, &batch)], &batch);
    one("a batch that is new", &[], vec![(2, &batch), (5, &none)], &batch);
    let heavy = |at: usize| within(at, FROM, BATCH, 9.0);
    one("nightly batch, three times as heavy", &[(FROM, FROM + BATCH)], vec![(7, &batch)], &heavy);
    let late = |at: usize| within(at, FROM + 10 * MINUTE, BATCH, 3.0);
    one("nightly batch, ten minutes late", &[], vec![(7, &batch)], &late);
    let endless = |at: usize| within(at, FROM, LENGTH, 3.0);
    one("nightly batch that does not end", &[(FROM + BATCH, LENGTH)], vec![(7, &batch)], &endless);
}

fn missing(all: &mut Vec<Labelled>) {
    let shape = Noise::White(0.1);
    let mut one =
        |name: &str, anomalies: &[(usize, usize)], by: f64, from: usize, is_missing: &dyn Fn(usize) -> bool| {
            let mut made = series(name, shape, anomalies, |at| within(at, from, LENGTH, by));
            let all_values = made.values.iter_mut().enumerate();
            all_values.filter(|(at, _)| is_missing(*at)).for_each(|(_, value)| *value = f64::NAN);
            all.push(made);
        };
    let gap = |at: usize| (FROM..FROM + 5 * MINUTE).contains(&at);
    let second = |at: usize| at % 2 == 1;
    one("a gap of five minutes", &[], 1.0, FROM, &gap);
    one("each second value is missing", &[], 1.0, FROM, &second);
    let after = FROM + 5 * MINUTE;
    one("a gap of five minutes, then twice", &[(after, LENGTH)], 2.0, after, &gap);
    one("each second value is missing, step up by 60 %", &[(FROM, LENGTH)], 1.6, FROM, &second);
    one("a program that starts after 40 minutes", &[], 1.0, FROM, &|at| at < 40 * MINUTE);
}

fn healthy(all: &mut Vec<Labelled>) {
    let mut one = |name: &str, noise: Noise, factor: &dyn Fn(usize) -> f64| {
        all.push(series(name, noise, &[], factor));
    };
    let none = |_: usize| 1.0;
    one("noise of 20 %", Noise::White(0.2), &none);
    one("correlated noise of 20 %", Noise::Correlated(0.5, 0.2), &none);
    one("log-normal noise of 0.8", Noise::Log(0.8), &none);
    one("strongly correlated noise of 10 %", Noise::Correlated(0.9, 0.1), &none);
    one("a sawtooth of 20 minutes", Noise::White(0.02), &|at| 0.6 + (at % 120) as f64 / 150.0);
    one("a job of half a minute each ten minutes", Noise::White(0.1), &|at| if at % 60 < 3 { 2.0 } else { 1.0 });
    one("always the same", Noise::White(0.0), &none);
    let mut random = Random::new("small counts");
    let count = |_| (0..6).filter(|_| random.unit() < 0.25).count() as f64;
    let counts: Vec<f64> = (0..LENGTH).map(count).collect();
    all.push(Labelled { name: "small counts".to_owned(), values: counts, ..Labelled::default() });
}

fn shapes(all: &mut Vec<Labelled>) {
    let anomalies = [(FROM, FROM + 30 * MINUTE)];
    let mut stuck = series("stuck for 30 minutes", Noise::White(0.2), &anomalies, |_| 1.0);
    let value = stuck.values[FROM];
    stuck.values[FROM..FROM + 30 * MINUTE].fill(value);
    all.push(stuck);
    let mut wild = series("four times the noise for 30 minutes", Noise::White(0.1), &anomalies, |_| 1.0);
    wild.values[FROM..FROM + 30 * MINUTE]
        .iter_mut()
        .for_each(|value| *value = (LEVEL + 4.0 * (*value - LEVEL)).max(0.0));
    all.push(wild);
}

/// All of them.
pub(super) fn all() -> Vec<Labelled> {
    let mut all = Vec::new();
    let makers: [fn(&mut Vec<Labelled>); 9] = [steps, spikes, drifts, deploys, days, batches, missing, healthy, shapes];
    makers.iter().for_each(|make| make(&mut all));
    all
}

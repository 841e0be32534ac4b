//! Tier 3: time, in pairs of processes of both versions.

use std::path::Path;

use perf_sdk::bench::{Request, Task, Times};

use super::holm::holm;
use super::options::Options;
use super::paired::{Paired, least_pairs};
use super::program::Program;
use super::scratch::Scratch;
use super::series::{Pairs, Series, order};
use super::verdict::{Comparison, Verdict};

const FIGURE: &str = "wall ns";
/// What a function takes more must be seen in the operation, at least by such a part of it: else
/// the time only moved from one function to another.
const SEEN: f64 = 0.5;
/// Operations of a process before those that are timed.
const WARM_UP: u32 = 16;
/// All is judged twice at most: what is inconclusive gets further pairs. Each judgement has its
/// part of the probability of a false alarm.
const JUDGEMENTS: f64 = 2.0;
/// Further pairs of what is inconclusive, of which there are as many as at first times this.
pub(super) const FURTHER: usize = 2;

/// Times of one operation: of the base with itself, and of base and head.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) operation: String,
    pub(super) same: Series,
    pub(super) both: Series,
}

impl Measured {
    /// With further pairs of the same operation.
    pub(super) fn extend(&mut self, further: Self) {
        self.same.pairs.extend(further.same.pairs);
        self.both.pairs.extend(further.both.pairs);
    }
}

/// The probability that one judgement of equal versions finds one slower.
fn alpha(options: &Options) -> f64 {
    options.alpha / JUDGEMENTS
}

/// Runs all pairs of an operation: first the base with itself.
pub(super) fn measure(
    operation: &str,
    base: &Program,
    head: &Program,
    scratch: &Scratch,
    options: &Options,
    moved: &mut dyn FnMut(),
) -> Result<Measured, String> {
    let request = |iterations: u32, path: &Path| Request {
        warm_up: WARM_UP,
        iterations,
        batches: options.batches,
        batch_ns: u64::try_from(options.batch.as_nanos()).unwrap_or(u64::MAX),
        ..Request::new(Task::Times, operation, path)
    };
    // Both have batches of as many operations.
    let iterations = base.times(scratch, |path| request(0, path))?.iterations;
    let mut pairs = |programs: [&Program; 2]| -> Result<Series, String> {
        let mut series = Series::default();
        for places in order(options.pairs) {
            let mut pair = [Times::default(), Times::default()];
            for side in places {
                pair[side] = programs[side].times(scratch, |path| request(iterations, path))?;
                moved();
            }
            series.pairs.push(pair);
        }
        Ok(series)
    };
    Ok(Measured { operation: operation.to_owned(), same: pairs([base, base])?, both: pairs([base, head])? })
}

/// How many pairs are needed so that one of so many operations can be found slower.
pub(super) fn pairs_needed(operations: usize, options: &Options) -> usize {
    least_pairs(alpha(options) / operations.max(1) as f64)
}

/// One thing that is tested.
struct Subject<'a> {
    measured: &'a Measured,
    pairs: Pairs,
    paired: Paired,
    p: f64,
}

/// Judges all operations and their functions together.
pub(super) fn judge(all: &[Measured], options: &Options) -> Vec<Comparison> {
    let limit = (1.0 + options.tolerance).ln();
    let mut subjects: Vec<Subject<'_>> = Vec::new();
    for measured in all {
        let of_one = [measured.both.operation()].into_iter().chain(measured.both.functions());
        subjects.extend(of_one.filter_map(|pairs| {
            let paired = Paired::of(&pairs.log_ratios())?;
            let p = paired.p_above(limit);
            Some(Subject { measured, pairs, paired, p })
        }));
    }
    let is_compared = |measured: &&Measured| subjects.iter().any(|subject| std::ptr::eq(subject.measured, *measured));
    let without = all.iter().filter(|measured| !is_compared(measured)).map(|measured| {
        let note = "its times are no numbers that can be compared";
        Comparison::new(&measured.operation, FIGURE, None, None).with(Verdict::Inconclusive, note)
    });
    let mut comparisons: Vec<Comparison> = without.collect();
    let p: Vec<f64> = subjects.iter().map(|subject| subject.p).collect();
    let tested = holm(&p, alpha(options));
    for (subject, tested) in subjects.iter().zip(tested) {
        let noise = differs_from_itself(subject.measured, limit, alpha(options) / all.len() as f64);
        let comparison = match subject.pairs.function {
            None => Some(of_operation(subject, tested.is_rejected, tested.level, noise, options)),
            Some(_) => of_function(subject, tested.is_rejected, noise.is_some(), options),
        };
        comparisons.extend(comparison);
    }
    comparisons
}

/// By how much the base differs from itself, where that is beyond the tolerance.
fn differs_from_itself(measured: &Measured, limit: f64, alpha: f64) -> Option<f64> {
    let paired = Paired::of(&measured.same.operation().log_ratios())?;
    let is_beyond = paired.p_above(limit) <= alpha / 2.0 || paired.negated().p_above(limit) <= alpha / 2.0;
    is_beyond.then(|| paired.median().exp_m1())
}

fn compared(subject: &Subject<'_>, options: &Options) -> Comparison {
    let [base, head] = subject.pairs.medians();
    Comparison {
        function: subject.pairs.function.clone(),
        change: Some(subject.paired.median().exp_m1()),
        interval: Some(subject.paired.interval(alpha(options)).map(f64::exp_m1)),
        p: Some(subject.p),
        ..Comparison::new(&subject.measured.operation, FIGURE, Some(base), Some(head))
    }
}

fn of_operation(
    subject: &Subject<'_>,
    is_rejected: bool,
    level: f64,
    noise: Option<f64>,
    options: &Options,
) -> Comparison {
    let limit = (1.0 + options.tolerance).ln();
    let smallest_visible = subject.paired.smallest_visible(limit, level).map(f64::exp_m1);
    let comparison = Comparison { smallest_visible, ..compared(subject, options) };
    let upper = comparison.interval.map_or(f64::INFINITY, |[_, upper]| upper);
    let visible = smallest_visible
        .map_or("no change could have been seen: more --pairs are needed".to_owned(), |part| {
            format!("the smallest change that could have been seen is {:.1} %", part * 100.0)
        });
    if let Some(noise) = noise {
        let note = format!("the base differs from itself by {:+.1} %; {visible}", noise * 100.0);
        return comparison.with(Verdict::Inconclusive, note);
    }
    if is_rejected {
        return match options.accepts(&subject.measured.operation, None) {
            true => comparison.with(Verdict::Accepted, "accepted"),
            false => comparison.with(Verdict::Regression, ""),
        };
    }
    if subject.paired.negated().p_above(limit) <= alpha(options) {
        return comparison.with(Verdict::Improved, "");
    }
    if upper > options.tolerance {
        let note = format!("it may be more than {:.0} % slower; {visible}", options.tolerance * 100.0);
        return comparison.with(Verdict::Inconclusive, note);
    }
    comparison
}

/// A function is there only if it is slower.
fn of_function(subject: &Subject<'_>, is_rejected: bool, is_noisy: bool, options: &Options) -> Option<Comparison> {
    if !is_rejected || is_noisy {
        return None;
    }
    let comparison = compared(subject, options);
    let is_seen = subject.measured.both.operation().growth() >= SEEN * subject.pairs.growth();
    if !is_seen {
        let note = "the operation is not slower by as much: its time moved here from other functions";
        return Some(comparison.with(Verdict::Pass, note));
    }
    Some(match options.accepts(&subject.measured.operation, subject.pairs.function.as_deref()) {
        true => comparison.with(Verdict::Accepted, "accepted"),
        false => comparison.with(Verdict::Regression, "own time, without profiled callees"),
    })
}

#[cfg(test)]
mod tests {
    use perf_sdk::bench::PathTime;

    use super::*;

    /// A simulated machine: xorshift64*, by S. Vigna (2016).
    struct Machine {
        state: u64,
        /// What the fastest batch of a process scatters by.
        scatter: f64,
    }

    impl Machine {
        fn random(&mut self) -> f64 {
            self.state ^= self.state >> 12;
            self.state ^= self.state << 25;
            self.state ^= self.state >> 27;
            (self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// Times of a process: mostly near the least, sometimes far above it.
        fn times(&mut self, drift: f64, functions: &[(&str, f64)]) -> Times {
            let slow = if self.random() < 0.1 { 1.0 + self.random() } else { 1.0 };
            let mut time = |ns: f64| ns * drift * slow * (1.0 + self.scatter * self.random());
            let tree: Vec<PathTime> = functions
                .iter()
                .map(|(name, ns)| PathTime { path: vec![(*name).to_owned()], wall_ns: time(*ns) })
                .collect();
            let wall_ns = tree.iter().map(|time| time.wall_ns).sum::<f64>() + time(100.0);
            Times { wall_ns, tree, ..Times::default() }
        }

        fn series(&mut self, pairs: usize, versions: [&[(&str, f64)]; 2]) -> Series {
            let mut series = Series::default();
            for (at, places) in order(pairs).enumerate() {
                // The machine becomes slower by a half meanwhile.
                let drift = 1.0 + at as f64 / pairs as f64 / 2.0;
                let mut pair = [Times::default(), Times::default()];
                for side in places {
                    pair[side] = self.times(drift, versions[side]);
                }
                series.pairs.push(pair);
            }
            series
        }

        fn measured(&mut self, base: &[(&str, f64)], head: &[(&str, f64)]) -> Measured {
            let (same, both) = (self.series(31, [base, base]), self.series(31, [base, head]));
            Measured { operation: "order".to_owned(), same, both }
        }
    }

    const BASE: &[(&str, f64)] = &[("find", 400.0), ("price", 300.0), ("log", 20.0)];

    fn seen(comparisons: &[Comparison]) -> Vec<(&str, Verdict)> {
        comparisons.iter().map(|comparison| (comparison.subject(), comparison.verdict)).collect()
    }

    #[test]
    fn a_slower_function_is_found_and_named() {
        let mut machine = Machine { state: 3, scatter: 0.08 };
        let slower = [("find", 400.0), ("price", 480.0), ("log", 20.0)];
        for _ in 0..50 {
            let measured = machine.measured(BASE, &slower);
            let comparisons = judge(&[measured], &Options::default());
            let expected = [("the operation", Verdict::Regression), ("price", Verdict::Regression)];
            assert_eq!(seen(&comparisons), expected, "{comparisons:#?}");
            let [lower, upper] = comparisons[0].interval.unwrap();
            assert!(lower > 0.05 && upper < 0.5, "{lower} to {upper}");
        }
    }

    #[test]
    fn equal_versions_pass() {
        let mut machine = Machine { state: 5, scatter: 0.08 };
        let mut failed = 0;
        for _ in 0..200 {
            let measured = machine.measured(BASE, BASE);
            failed += usize::from(
                judge(&[measured], &Options::default())
                    .iter()
                    .any(|comparison| comparison.verdict == Verdict::Regression),
            );
        }
        assert!(failed <= 2, "{failed} of 200");
    }

    #[test]
    fn time_that_moves_between_functions_is_no_regression() {
        let mut machine = Machine { state: 7, scatter: 0.04 };
        let moved = [("find", 500.0), ("price", 200.0), ("log", 20.0)];
        let comparisons = judge(&[machine.measured(BASE, &moved)], &Options::default());
        assert_eq!(seen(&comparisons), [("the operation", Verdict::Pass), ("find", Verdict::Pass)]);
        assert!(comparisons[1].note.contains("moved here"));
    }

    #[test]
    fn a_machine_that_is_too_noisy_is_said_with_what_it_could_have_shown() {
        let mut machine = Machine { state: 11, scatter: 3.0 };
        let comparisons = judge(&[machine.measured(BASE, BASE)], &Options::default());
        assert_eq!(seen(&comparisons), [("the operation", Verdict::Inconclusive)]);
        let visible = comparisons[0].smallest_visible.unwrap();
        assert!(visible > 0.1, "{visible}");
        assert!(comparisons[0].note.contains("the smallest change that could have been seen is"));
    }

    #[test]
    fn a_base_that_differs_from_itself_is_no_basis() {
        let mut machine = Machine { state: 13, scatter: 0.01 };
        let slower = [("find", 800.0), ("price", 600.0), ("log", 20.0)];
        let mut measured = machine.measured(BASE, &slower);
        measured.same = machine.series(31, [BASE, &slower]);
        let comparisons = judge(&[measured], &Options::default());
        assert_eq!(seen(&comparisons), [("the operation", Verdict::Inconclusive)]);
        assert!(comparisons[0].note.starts_with("the base differs from itself by +"), "{}", comparisons[0].note);
    }

    #[test]
    fn a_faster_version_is_improved() {
        let mut machine = Machine { state: 17, scatter: 0.04 };
        let faster = [("find", 200.0), ("price", 300.0), ("log", 20.0)];
        let comparisons = judge(&[machine.measured(BASE, &faster)], &Options::default());
        assert_eq!(seen(&comparisons), [("the operation", Verdict::Improved)]);
    }

    #[test]
    fn times_that_are_no_numbers_are_inconclusive() {
        let nothing = Series { pairs: vec![[Times::default(), Times::default()]; 9] };
        let measured = Measured { operation: "order".to_owned(), same: nothing.clone(), both: nothing };
        let comparisons = judge(&[measured], &Options::default());
        assert_eq!(seen(&comparisons), [("the operation", Verdict::Inconclusive)]);
    }

    #[test]
    fn with_few_pairs_nothing_could_have_been_seen() {
        let mut machine = Machine { state: 19, scatter: 0.5 };
        let (same, both) = (machine.series(3, [BASE, BASE]), machine.series(3, [BASE, BASE]));
        let comparisons = judge(&[Measured { operation: "order".to_owned(), same, both }], &Options::default());
        assert_eq!(comparisons[0].smallest_visible, None);
        assert!(pairs_needed(1, &Options::default()) > 3);
    }
}

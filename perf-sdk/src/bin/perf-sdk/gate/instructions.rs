//! Tier 2: instructions, as valgrind's callgrind counts them.

use std::fs;
use std::path::Path;
use std::process::Command;

use perf_sdk::bench::{COUNTED, Request, Task};

use super::baseline::ARROW;
use super::callgrind::Profile;
use super::options::Options;
use super::program::Program;
use super::scratch::Scratch;
use super::verdict::{Comparison, Verdict};

/// Operations before those that are counted, and those that are counted: callgrind takes 50 times
/// as long as a processor.
const COUNTED_OPERATIONS: (u32, u32) = (4, 16);
/// Where a count is too high, the least of so many processes is taken on both sides.
const PROCESSES: usize = 3;
/// A change by exactly the tolerance is within it, whatever its quotient is rounded to.
const ROUNDING: f64 = 1e-9;
/// At most so many functions are named.
const NAMED: usize = 4;

/// Why instructions cannot be counted on this machine. `None`: they can.
pub(super) fn unavailable() -> Option<String> {
    match Command::new("valgrind").arg("--version").output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("`valgrind --version` ended with {}", output.status)),
        Err(error) => Some(format!("`valgrind` cannot be run ({error}): install valgrind")),
    }
}

/// Counts one operation in one process.
pub(super) fn count(program: &Program, scratch: &Scratch, operation: &str) -> Result<Profile, String> {
    let file = scratch.file("callgrind.out");
    // That of the process before.
    let _ = fs::remove_file(&file);
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(&program.path);
    let (warm_up, iterations) = COUNTED_OPERATIONS;
    program.ask_by(scratch, command, |answer: &Path| Request {
        warm_up,
        iterations,
        ..Request::new(Task::Instructions, operation, answer)
    })?;
    let text = fs::read_to_string(&file).map_err(|error| format!("callgrind wrote no counts: {error}"))?;
    let profile = Profile::of(&text).map_err(|problem| format!("callgrind's file cannot be read: {problem}"))?;
    if profile.total == 0 {
        return Err(format!("callgrind did not find the operation in {}: it has no symbols", program.path.display()));
    }
    Ok(profile)
}

/// Of one operation.
pub(super) fn each(instructions: u64) -> f64 {
    instructions as f64 / f64::from(COUNTED_OPERATIONS.1)
}

/// The base's instructions.
pub(super) enum Base<'a> {
    Program(&'a Program),
    /// Of one operation.
    Kept(f64),
}

/// The operation's instructions, and the functions that take more if it does.
pub(super) fn compare(
    name: &str,
    base: &Base<'_>,
    head: &Program,
    scratch: &Scratch,
    options: &Options,
) -> Result<Vec<Comparison>, String> {
    let count_base = || match base {
        Base::Program(program) => count(program, scratch, name).map(Some),
        Base::Kept(_) => Ok(None),
    };
    let instructions = |profile: Option<&Profile>| match (profile, base) {
        (Some(profile), _) => each(profile.total),
        (None, Base::Kept(kept)) => *kept,
        (None, Base::Program(_)) => 0.0,
    };
    let (mut was, mut now) = (count_base()?, count(head, scratch, name)?);
    let mut further = 1;
    // A count may be too high by chance, never too low.
    while further < PROCESSES && each(now.total) > instructions(was.as_ref()) * (1.0 + options.instruction_tolerance) {
        if let Some(again) = count_base()?
            && was.as_ref().is_some_and(|was| again.total < was.total)
        {
            was = Some(again);
        }
        let again = count(head, scratch, name)?;
        if again.total < now.total {
            now = again;
        }
        further += 1;
    }
    Ok(judge(name, was.as_ref(), instructions(was.as_ref()), &now, options))
}

fn judge(name: &str, was: Option<&Profile>, base: f64, now: &Profile, options: &Options) -> Vec<Comparison> {
    let comparison = Comparison::new(name, "instructions", Some(base), Some(each(now.total)));
    let change = comparison.change.unwrap_or(0.0);
    let verdict = |function: Option<&str>| match options.accepts(name, function) {
        true => Verdict::Accepted,
        false => Verdict::Regression,
    };
    let tolerance = options.instruction_tolerance + ROUNDING;
    if change < -tolerance {
        return vec![comparison.with(Verdict::Improved, "")];
    }
    if change <= tolerance {
        return vec![comparison];
    }
    let mut all = vec![comparison.with(verdict(None), "")];
    let Some(was) = was else { return all };
    all.extend(now.growth(was).into_iter().take(NAMED).map(|growth| {
        let path = growth.way().join(ARROW);
        let comparison = Comparison::new(name, "instructions", Some(each(growth.was)), Some(each(growth.now)));
        let verdict = verdict(Some(&path));
        Comparison { function: Some(path), ..comparison.with(verdict, "with callees") }
    }));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(parse: u64, print: u64) -> Profile {
        let (both, parse, print) = (parse + print, parse, print);
        let file = format!(
            "events: Ir\nfn=(1) perf_sdk::bench::instructions::counted\ncfn=(2) parse\ncalls=1 1\n1 {parse}\ncfn=(3) print\ncalls=1 1\n1 {print}\n\
             fn=(2)\n1 {parse}\nfn=(3)\n1 {print}\ntotals: {both}\n"
        );
        Profile::of(&file).unwrap()
    }

    fn seen(was: &Profile, now: &Profile) -> Vec<(String, Verdict)> {
        let all = judge("op", Some(was), each(was.total), now, &Options::default());
        all.into_iter().map(|comparison| (comparison.subject().to_owned(), comparison.verdict)).collect()
    }

    #[test]
    fn the_function_that_takes_more_is_named() {
        let (base, head) = (profile(1_000, 15_000), profile(1_900, 15_010));
        let whole = ("the operation".to_owned(), Verdict::Regression);
        assert_eq!(seen(&base, &head), [whole, ("parse".to_owned(), Verdict::Regression)]);
        assert_eq!(seen(&head, &base), [("the operation".to_owned(), Verdict::Improved)]);
    }

    #[test]
    fn the_tolerance_is_no_regression() {
        let base = profile(10_000, 0);
        assert_eq!(seen(&base, &profile(10_100, 0)), [("the operation".to_owned(), Verdict::Pass)]);
        assert_eq!(seen(&base, &profile(10_101, 0))[0].1, Verdict::Regression);
    }
}

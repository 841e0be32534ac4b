//! All tiers, one after another.

use std::collections::{BTreeMap, BTreeSet};

use super::baseline::{Baseline, Operation};
use super::instructions::{self, Base};
use super::options::{Instructions, Options, Subject, Time};
use super::program::Program;
use super::scratch::Scratch;
use super::verdict::{Comparison, Drawing, Report, Tier, Verdict};
use super::{counts, difference, times};

/// Steps that are done, of all.
pub(crate) type Moved<'a> = &'a mut dyn FnMut(usize, usize);

/// Counts all operations of a program, for a file.
///
/// # Errors
/// What is wrong with the program.
pub(crate) fn measure(program: &Program, options: &Options) -> Result<Baseline, String> {
    let scratch = scratch()?;
    let wants = options.instructions != Instructions::Off && instructions::unavailable().is_none();
    let mut baseline = Baseline::default();
    for name in wanted(program.operations(&scratch)?, options)? {
        let mut operation = count(program, &scratch, &name, options.counted)?;
        if wants {
            let profile = instructions::count(program, &scratch, &name)?;
            operation.instructions = Some(instructions::each(profile.total));
        }
        baseline.operations.insert(name, operation);
    }
    Ok(baseline)
}

/// Compares two versions.
///
/// # Errors
/// What is wrong with a program, the file or the options.
pub(crate) fn check(base: &Subject, head: &Program, options: &Options, moved: Moved<'_>) -> Result<Report, String> {
    let scratch = scratch()?;
    let kept = match base {
        Subject::Program(_) => None,
        Subject::File(path) => Some(Baseline::read(path)?),
    };
    let names_of_base = match base {
        Subject::Program(program) => program.operations(&scratch)?,
        Subject::File(_) => kept.iter().flat_map(|kept| kept.operations.keys().cloned()).collect(),
    };
    let names_of_head = head.operations(&scratch)?;
    let mut all = names_of_base.clone();
    all.extend(names_of_head.iter().filter(|name| !names_of_base.contains(name)).cloned());
    let all = wanted(all, options)?;
    let both: Vec<String> =
        all.iter().filter(|name| names_of_base.contains(name) && names_of_head.contains(name)).cloned().collect();
    check_pairs(base, &both, options)?;

    let is_timed = options.time != Time::Off && matches!(base, Subject::Program(_));
    let steps = both.len() * (1 + usize::from(is_timed) * 4 * options.pairs);
    let mut done = 0;
    let mut step = || {
        done += 1;
        moved(done, steps);
    };

    let mut drawings = Vec::new();
    let mut tier = Tier { name: "counts", blocks: true, skipped: None, comparisons: Vec::new() };
    for name in &all {
        let comparison = || Comparison::new(name, "calls", None, None);
        if !names_of_head.contains(name) {
            let note = "head has no such operation: nobody can say what it costs";
            tier.comparisons.push(comparison().with(Verdict::Inconclusive, note));
        } else if !names_of_base.contains(name) {
            tier.comparisons.push(comparison().with(Verdict::Pass, "new: the base has no such operation"));
        }
    }
    let mut kept_instructions: BTreeMap<&String, Option<f64>> = BTreeMap::new();
    for name in &both {
        let (was, rounds) = match (base, &kept) {
            (Subject::File(_), Some(kept)) => {
                let was = kept.operations[name].clone();
                let rounds = (was.warm_up, was.iterations);
                (was, rounds)
            }
            (Subject::Program(program), _) => (count(program, &scratch, name, options.counted)?, options.counted),
            (Subject::File(path), None) => return Err(format!("{} was not read", path.display())),
        };
        let now = count(head, &scratch, name, rounds)?;
        let mut sides = [was, now];
        let mut comparisons = counts::compare(name, &sides[0], &sides[1], options);
        if comparisons.iter().any(|comparison| comparison.verdict == Verdict::Regression) {
            // What differs from process to process may have been the same twice.
            for (side, subject) in sides.iter_mut().zip([base, &Subject::Program(head.clone())]) {
                if let Subject::Program(program) = subject {
                    let again = count(program, &scratch, name, rounds)?;
                    *side = std::mem::take(side).widened(&again);
                }
            }
            comparisons = counts::compare(name, &sides[0], &sides[1], options);
        }
        let [was, now] = sides;
        tier.comparisons.extend(comparisons);
        drawings.extend(difference::of_counts(name, &was, &now));
        kept_instructions.insert(name, was.instructions);
        step();
    }
    let mut tiers = vec![tier];
    tiers.push(count_instructions(base, head, &both, &kept_instructions, &scratch, options)?);
    tiers.push(time(base, head, &both, &scratch, options, &mut drawings, &mut step)?);
    Ok(Report::new(base.name(), head.path.display().to_string(), tiers, drawings))
}

fn scratch() -> Result<Scratch, String> {
    Scratch::new().map_err(|error| format!("cannot make a folder in {}: {error}", std::env::temp_dir().display()))
}

fn wanted(all: Vec<String>, options: &Options) -> Result<Vec<String>, String> {
    let wanted: Vec<String> = all.iter().filter(|name| options.wants(name)).cloned().collect();
    if wanted.is_empty() {
        return Err(format!(
            "no operation has {:?} in its name; there are {}",
            options.only.join(", "),
            all.join(", ")
        ));
    }
    Ok(wanted)
}

fn check_pairs(base: &Subject, operations: &[String], options: &Options) -> Result<(), String> {
    let needed = times::pairs_needed(operations.len(), options);
    let is_timed = options.time != Time::Off && matches!(base, Subject::Program(_));
    if is_timed && options.pairs < needed {
        return Err(format!(
            "with {} pairs no slower operation could be found among {}: --pairs allows {needed} and more",
            options.pairs,
            operations.len()
        ));
    }
    Ok(())
}

/// Counts in two processes.
fn count(program: &Program, scratch: &Scratch, name: &str, rounds: (u32, u32)) -> Result<Operation, String> {
    let counts = [program.counts(scratch, name, rounds)?, program.counts(scratch, name, rounds)?];
    Ok(Operation::of(rounds.0, &counts))
}

fn count_instructions(
    base: &Subject,
    head: &Program,
    operations: &[String],
    kept: &BTreeMap<&String, Option<f64>>,
    scratch: &Scratch,
    options: &Options,
) -> Result<Tier, String> {
    const NAME: &str = "instructions";
    if options.instructions == Instructions::Off {
        return Ok(Tier::skipped(NAME, true, "not asked for"));
    }
    let is_required = options.instructions == Instructions::Required;
    if let Some(reason) = instructions::unavailable() {
        return if is_required { Err(reason) } else { Ok(Tier::skipped(NAME, true, reason)) };
    }
    let mut tier = Tier { name: NAME, blocks: true, skipped: None, comparisons: Vec::new() };
    for name in operations {
        let base = match (base, kept.get(name).copied().flatten()) {
            (Subject::Program(program), _) => Base::Program(program),
            (Subject::File(_), Some(kept)) => Base::Kept(kept),
            (Subject::File(_), None) if !is_required => continue,
            (Subject::File(path), None) => {
                return Err(format!("{} has no instructions of {name:?}", path.display()));
            }
        };
        match instructions::compare(name, &base, head, scratch, options) {
            Ok(comparisons) => tier.comparisons.extend(comparisons),
            // The program ran without valgrind: it is valgrind that cannot.
            Err(problem) if !is_required => return Ok(Tier::skipped(NAME, true, problem)),
            Err(problem) => return Err(problem),
        }
    }
    if tier.comparisons.is_empty() && !operations.is_empty() {
        return Ok(Tier::skipped(NAME, true, "the baseline file has none: it was written without valgrind"));
    }
    Ok(tier)
}

fn time(
    base: &Subject,
    head: &Program,
    operations: &[String],
    scratch: &Scratch,
    options: &Options,
    drawings: &mut Vec<Drawing>,
    step: &mut dyn FnMut(),
) -> Result<Tier, String> {
    const NAME: &str = "time";
    let blocks = options.time == Time::Blocking;
    let base = match base {
        _ if options.time == Time::Off => return Ok(Tier::skipped(NAME, blocks, "not asked for")),
        Subject::Program(program) => program,
        Subject::File(_) => {
            let reason = "a file has no times: those of another moment or machine are not comparable";
            return Ok(Tier::skipped(NAME, blocks, reason));
        }
    };
    let measured: Result<Vec<_>, String> = operations
        .iter()
        .map(|operation| times::measure(operation, base, head, scratch, options, &mut *step))
        .collect();
    let mut measured = measured?;
    let mut comparisons = times::judge(&measured, options);
    let unclear: BTreeSet<String> = comparisons
        .iter()
        .filter(|comparison| comparison.verdict == Verdict::Inconclusive)
        .map(|comparison| comparison.operation.clone())
        .collect();
    if !unclear.is_empty() {
        let further = Options { pairs: times::FURTHER * options.pairs, ..options.clone() };
        for measured in measured.iter_mut().filter(|measured| unclear.contains(&measured.operation)) {
            measured.extend(times::measure(&measured.operation, base, head, scratch, &further, &mut *step)?);
        }
        comparisons = times::judge(&measured, options);
    }
    for measured in &measured {
        let is_slower = |comparison: &Comparison| {
            comparison.operation == measured.operation && comparison.verdict == Verdict::Regression
        };
        if comparisons.iter().any(is_slower) {
            drawings.extend(difference::of_times(&measured.operation, &measured.both.tree(), options.tolerance));
        }
    }
    Ok(Tier { name: NAME, blocks, skipped: None, comparisons })
}

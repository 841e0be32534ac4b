//! Applies the reversible remedies of findings.

use std::time::Instant;

use crate::collect;
use crate::finding::{AppliedRemedy, Finding, NotApplied, Optimization, OptimizedFigure, Remedy};
use crate::flag;
use crate::memory;
use crate::rate::Rate;
use crate::record::{self, Rule};
use crate::snapshot::{Function, Snapshot};

pub(super) fn optimize() -> Optimization {
    memory::uncounted(|| {
        let (began, before) = (Instant::now(), collect::take());
        let resident = resident();
        let findings = collect::findings(&before);
        let mut optimization = Optimization { at_unix_ns: before.taken_at_unix_ns, ..Optimization::default() };
        for finding in &findings.findings {
            match remedy_of(finding) {
                Some(remedy) => add(&mut optimization, remedy, finding),
                None => skip(&mut optimization, finding, "no reversible remedy is known: see its next step"),
            }
        }
        let flags: Vec<(String, bool)> = flags_of(&optimization);
        apply(&mut optimization, &findings.findings);
        let after = collect::take();
        optimization.figures = figures(&optimization, (&before, resident), &after, &flags);
        optimization.took_seconds = began.elapsed().as_secs_f64();
        optimization
    })
}

/// A flag of the program that is called as the finding is what the program itself can do about it.
fn remedy_of(finding: &Finding) -> Option<Remedy> {
    let known = flag::names();
    let own = [format!("{}: {}", finding.rule, finding.subject), finding.rule.clone()];
    let flag = own.into_iter().find(|name| known.contains(name)).map(Remedy::Flag);
    finding.remedy.clone().or(flag)
}

fn add(optimization: &mut Optimization, remedy: Remedy, finding: &Finding) {
    match optimization.done.iter_mut().find(|done| done.remedy == remedy) {
        Some(done) => done.fingerprints.push(finding.fingerprint.clone()),
        None => {
            let fingerprints = vec![finding.fingerprint.clone()];
            optimization.done.push(AppliedRemedy { remedy, fingerprints, detail: String::new() });
        }
    }
}

fn skip(optimization: &mut Optimization, finding: &Finding, why: &str) {
    optimization.not_done.push(NotApplied {
        rule: finding.rule.clone(),
        subject: finding.subject.clone(),
        fingerprint: finding.fingerprint.clone(),
        why: why.to_owned(),
    });
}

/// Those that are to be switched on, as they are.
fn flags_of(optimization: &Optimization) -> Vec<(String, bool)> {
    let of = |done: &AppliedRemedy| match &done.remedy {
        Remedy::Flag(name) => Some((name.clone(), flag::is_on(name))),
        _ => None,
    };
    optimization.done.iter().filter_map(of).collect()
}

/// What cannot be done is moved to what was not done.
fn apply(optimization: &mut Optimization, findings: &[Finding]) {
    let wanted = std::mem::take(&mut optimization.done);
    for mut done in wanted {
        match apply_one(&done.remedy) {
            Ok(detail) => {
                done.detail = detail;
                optimization.done.push(done);
            }
            Err(why) => {
                let of_it = findings.iter().filter(|finding| done.fingerprints.contains(&finding.fingerprint));
                of_it.for_each(|finding| skip(optimization, finding, &why));
            }
        }
    }
}

fn apply_one(remedy: &Remedy) -> Result<String, String> {
    match remedy {
        #[cfg(feature = "pool")]
        Remedy::Purge => {
            let relief = crate::pool::relieve(crate::pool::Pressure::Critical);
            Ok(format!("{} objects of pools were dropped, all unused pages returned", relief.trimmed))
        }
        #[cfg(not(feature = "pool"))]
        Remedy::Purge => Err("the feature pool is off".to_owned()),
        Remedy::Sampling { pattern, one_in } => {
            let rate = Rate::one_in(*one_in).ok_or_else(|| format!("one in {one_in} is no rate"))?;
            let places = record::add_rules(&[Rule::rate(pattern.clone(), Some(rate))]);
            Ok(format!("{places} annotated places are measured at {rate}"))
        }
        Remedy::Flag(name) if flag::is_on(name) => Err(format!("the flag {name} is on already")),
        Remedy::Flag(name) => {
            flag::set_by_hand(name, true);
            Ok(format!("the flag {name} is on"))
        }
    }
}

#[cfg(feature = "pool")]
fn resident() -> Option<f64> {
    crate::monitor::resident_bytes().map(|bytes| bytes as f64)
}

/// Nothing changes it.
#[cfg(not(feature = "pool"))]
fn resident() -> Option<f64> {
    None
}

fn figures(
    optimization: &Optimization,
    (before, resident_before): (&Snapshot, Option<f64>),
    after: &Snapshot,
    flags: &[(String, bool)],
) -> Vec<OptimizedFigure> {
    let figure = |name: &str, subject: &str, before, after| OptimizedFigure {
        name: name.to_owned(),
        subject: subject.to_owned(),
        before,
        after,
    };
    let mut figures = Vec::new();
    for done in &optimization.done {
        match &done.remedy {
            Remedy::Purge => {
                let of = |snapshot: &Snapshot| {
                    snapshot.allocator.as_ref().map(|all| (all.active_bytes as f64, all.resident_bytes as f64))
                };
                let (before, after) = (of(before), of(after));
                let [first, second] = [before, after].map(|all| all.map(|all| all.0));
                figures.push(figure("jemalloc_active_bytes", "", first, second));
                let [first, second] = [before, after].map(|all| all.map(|all| all.1));
                figures.push(figure("jemalloc_resident_bytes", "", first, second));
                figures.push(figure("process_resident_memory_bytes", "", resident_before, resident()));
            }
            Remedy::Sampling { pattern, .. } => {
                let of = |snapshot: &Snapshot| {
                    let is_it = |path: String| crate::base::pattern::matches(pattern, &path);
                    let mut functions = snapshot.functions.iter();
                    let path =
                        |of: &Function| format!("{}::{}", of.module, of.name).trim_start_matches("::").to_owned();
                    let found = functions.find(|of| is_it(path(of)));
                    found.map(|function| f64::from(function.one_in))
                };
                figures.push(figure("one_in", pattern, of(before), of(after)));
            }
            Remedy::Flag(name) => {
                let before = flags.iter().find(|(flag, _)| flag == name).map(|(_, on)| f64::from(u8::from(*on)));
                figures.push(figure("flag_on", name, before, Some(f64::from(u8::from(flag::is_on(name))))));
            }
        }
    }
    figures
}

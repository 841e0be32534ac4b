//! What is kept of a few statements beside their counters: plans, and who called them too often.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::plan::Plan;
use super::statements::Statement;
use crate::base::fork::Lock;
use crate::base::process_identity::Process;
use crate::memory;
use crate::scope::{callers, current_path};
use crate::snapshot::MAX_CALLERS;

/// A plan is asked for at most this often.
const EXPLAINED_EVERY: Duration = Duration::from_secs(600);

#[derive(Clone, Debug, Default)]
pub(super) struct Detail {
    pub(super) plan: Plan,
    asked: Option<Instant>,
    /// Whether a slow one was seen since then.
    was_slow: bool,
    is_refused: bool,
    pub(super) callers: Vec<String>,
}

#[derive(Debug, Default)]
struct Details {
    process: Option<Process>,
    by_statement: BTreeMap<u64, Detail>,
}

static DETAILS: Lock<Details> = Lock::new(Details { process: None, by_statement: BTreeMap::new() });

fn with<R>(statement: &Statement, work: impl FnOnce(&mut Detail) -> R) -> R {
    memory::uncounted(|| {
        let mut details = DETAILS.lock();
        let process = Some(Process::current());
        if details.process != process {
            *details = Details { process, ..Details::default() };
        }
        work(details.by_statement.entry(statement.key).or_default())
    })
}

pub(super) fn of(statement: &Statement) -> Detail {
    with(statement, |detail| detail.clone())
}

/// Whether somebody should find out the plan now: it is unknown, or the statement was slow since.
/// Whoever is told so should: others are not, for ten minutes.
#[inline]
pub(super) fn wants_plan(statement: &Statement) -> bool {
    !statement.is_explained.load(Relaxed) && with(statement, |detail| claim(statement, detail, Instant::now()))
}

fn claim(statement: &Statement, detail: &mut Detail, now: Instant) -> bool {
    let is_early = detail.asked.is_some_and(|asked| now.duration_since(asked) < EXPLAINED_EVERY);
    let is_wanted = !detail.is_refused && !is_early && (detail.plan.text.is_empty() || detail.was_slow);
    if is_wanted {
        detail.asked = Some(now);
        detail.was_slow = false;
    }
    // The next one that is slow asks again.
    statement.is_explained.store(true, Relaxed);
    is_wanted
}

pub(super) fn note_slow(statement: &Statement) {
    with(statement, |detail| {
        detail.was_slow = true;
        if !detail.is_refused {
            statement.is_explained.store(false, Relaxed);
        }
    });
}

pub(super) fn set_plan(statement: &Statement, text: &str) {
    let plan = memory::uncounted(|| Plan::of(text));
    if plan.text.is_empty() {
        return;
    }
    statement.has_full_scan.store(!plan.full_scans.is_empty(), Relaxed);
    statement.is_explained.store(true, Relaxed);
    with(statement, |detail| {
        // Somebody may set a plan unasked.
        detail.asked.get_or_insert_with(Instant::now);
        detail.plan = plan;
    });
}

/// The plan is never asked for again.
pub(super) fn refuse_plan(statement: &Statement) {
    with(statement, |detail| detail.is_refused = true);
    statement.is_explained.store(true, Relaxed);
}

/// Notes the functions that lead to the call that runs on this thread, as those of which one made
/// the same statement several times.
pub(super) fn note_caller(statement: &Statement) {
    memory::uncounted(|| {
        let names: Vec<&str> = callers(current_path()).iter().map(|site| site.label().name.as_str()).collect();
        let caller = names.join(" > ");
        with(statement, |detail| {
            if detail.callers.len() < MAX_CALLERS && !detail.callers.contains(&caller) {
                detail.callers.push(caller);
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Dialect;
    use super::super::statements::Statements;
    use super::*;
    use crate::reading::Labels;

    #[test]
    fn a_plan_is_asked_for_rarely() {
        let statement = Statements::new().find("SELECT a FROM details", Dialect::Standard, |_| Labels::NONE).statement;
        let start = Instant::now();
        let claimed = |after: u64| {
            let now = start + Duration::from_secs(after);
            !statement.is_explained.load(Relaxed) && with(statement, |detail| claim(statement, detail, now))
        };
        assert!(claimed(0));
        assert!(!claimed(0) && !claimed(700), "somebody was asked");
        note_slow(statement);
        assert!(!claimed(599));
        note_slow(statement);
        assert!(claimed(600), "there is none yet");
        set_plan(statement, "SCAN t");
        assert!(statement.has_full_scan.load(Relaxed));
        assert_eq!((of(statement).plan.text.as_str(), claimed(2_000)), ("SCAN t", false));
        note_slow(statement);
        assert!(claimed(2_000), "it may have changed since");
        set_plan(statement, "");
        assert_eq!(of(statement).plan.text, "SCAN t");
        note_slow(statement);
        refuse_plan(statement);
        note_slow(statement);
        assert!(!claimed(9_000));
    }
}

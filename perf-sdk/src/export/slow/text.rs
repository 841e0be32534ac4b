//! The slowest calls as text.

use std::io::{self, Write};

use crate::base::units::{bytes, count, counted, time};
use crate::export::safe;
use crate::outcome::Outcome;
use crate::snapshot::{SlowCall, SlowCalls, SlowStep, SlowStepKind};

/// The maximum number of steps that are written of a call.
const MOST_STEPS: usize = 200;

/// Writes the calls with their trees, function by function, the slowest first.
///
/// # Errors
/// Any error of the writer.
pub fn write_text(calls: &SlowCalls, to: &mut impl Write) -> io::Result<()> {
    for function in &calls.functions {
        writeln!(to, "{}", safe::line(&function.full_name()))?;
        for (at, call) in function.calls().enumerate() {
            writeln!(to, "{:>3}. {}", at + 1, safe::line(&facts(call)))?;
            for step in call.steps.iter().take(MOST_STEPS) {
                let indent = "  ".repeat(step.depth as usize + 1);
                writeln!(to, "     {:>10} {indent}{}", format!("+{}", shown(step.after_ns)), safe::line(&line(step)))?;
            }
            let missing = call.steps.len().saturating_sub(MOST_STEPS) as u64 + u64::from(call.dropped);
            if missing > 0 {
                writeln!(to, "     and {} steps more", count(missing as f64))?;
            }
        }
        writeln!(to)?;
    }
    Ok(())
}

fn shown(ns: u64) -> String {
    time(ns as f64)
}

/// What is to be said of a call in one line.
pub(super) fn facts(call: &SlowCall) -> String {
    let mut facts = vec![shown(call.duration_ns)];
    let mut fact = |holds: bool, text: &dyn Fn() -> String| {
        if holds {
            facts.push(text());
        }
    };
    fact(call.outcome != Outcome::Ok, &|| call.outcome.name().to_owned());
    fact(call.cpu_ns > 0, &|| format!("{} of CPU", shown(call.cpu_ns)));
    fact(call.allocated_bytes > 0, &|| format!("{} allocated", bytes(call.allocated_bytes as f64)));
    fact(!call.polls.is_empty(), &|| {
        let busy: u64 = call.polls.iter().map(|poll| poll.duration_ns).sum();
        let mut threads: Vec<u32> = call.polls.iter().map(|poll| poll.thread_id).collect();
        threads.sort_unstable();
        threads.dedup();
        format!("{} of {} on {}", counted(call.polls.len(), "poll"), shown(busy), counted(threads.len(), "thread"))
    });
    fact(!call.samples.is_empty(), &|| counted(call.samples.len(), "sample"));
    fact(call.stands_for > 1, &|| format!("one of {} calls", call.stands_for));
    fact(!call.trace_id.is_empty(), &|| format!("trace {}", call.trace_id));
    for (name, value) in &call.labels {
        facts.push(format!("{name}={value}"));
    }
    facts.join(", ")
}

/// A step in one line.
pub(super) fn line(step: &SlowStep) -> String {
    let mut line = String::new();
    for caller in &step.through {
        line.push_str(caller);
        line.push_str(" > ");
    }
    match step.kind {
        SlowStepKind::Call => {}
        SlowStepKind::Lock => line.push_str("waits for a "),
        SlowStepKind::Query => line.push_str("query "),
    }
    line.push_str(&step.name);
    if !step.held_by.is_empty() {
        line.push_str(" held by ");
        line.push_str(&step.held_by);
    }
    line.push_str(": ");
    line.push_str(&shown(step.duration_ns));
    if step.outcome != Outcome::Ok {
        line.push_str(", ");
        line.push_str(step.outcome.name());
    }
    if step.allocated_bytes > 0 {
        line.push_str(&format!(", {} allocated", bytes(step.allocated_bytes as f64)));
    }
    if step.stands_for > 1 {
        line.push_str(&format!(", one of {} calls", step.stands_for));
    }
    line
}

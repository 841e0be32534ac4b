//! The page of the slowest calls.

use std::fmt::Write as _;

use super::html::{self, escape};
use crate::base::units::{bytes, count, counted, time};
use crate::export::safe;
use crate::outcome::Outcome;
use crate::snapshot::{SlowCall, SlowCalls, SlowFunction, SlowStep, SlowStepKind};

/// The maximum number of steps that the page shows of a call.
const MOST_STEPS: usize = 300;

pub(in crate::serve) fn slow(calls: &SlowCalls) -> String {
    let mut page = html::begin("perf-sdk: slowest calls", None);
    page.push_str("<header><h1><a href=\".\">perf-sdk</a></h1>");
    if calls.functions.is_empty() {
        page.push_str(
            "</header><p class=\"empty\">No call of a root has ended lately. Mark functions with \
             <code>#[perf_sdk::profiled(root)]</code>; requests of <code>watch_http</code> are roots.</p>",
        );
        html::end(&mut page);
        return page;
    }
    let _ = write!(
        page,
        "<span class=\"facts\">the slowest calls of the last {} to {}, and those that failed</span></header>\
         <nav><b>also</b><a href=\"slow?format=text\">text</a><a href=\"slow?format=json\">json</a>\
         <a href=\"slow?format=perfetto\" title=\"a trace that ui.perfetto.dev opens\">perfetto</a></nav>",
        time(calls.window_ns as f64),
        time(calls.window_ns as f64 * 2.0),
    );
    calls.functions.iter().for_each(|function| section(&mut page, function));
    html::end(&mut page);
    page
}

fn section(page: &mut String, function: &SlowFunction) {
    let _ = write!(page, "<h2>{}</h2>", escape(&function.full_name()));
    for call in function.calls() {
        let _ = write!(page, "<details><summary>{}</summary><pre>", facts(call));
        for step in call.steps.iter().take(MOST_STEPS) {
            line(page, step);
        }
        let missing = call.steps.len().saturating_sub(MOST_STEPS) as u64 + u64::from(call.dropped);
        if missing > 0 {
            let _ = writeln!(page, "and {} steps more", count(missing as f64));
        }
        if call.steps.is_empty() && missing == 0 {
            page.push_str("It called nothing that is measured.");
        }
        page.push_str("</pre></details>");
    }
}

/// What is to be said of a call.
fn facts(call: &SlowCall) -> String {
    let mut facts = vec![format!("<b>{}</b>", time(call.duration_ns as f64))];
    if call.outcome != Outcome::Ok {
        facts.push(format!("<span class=\"bad\">{}</span>", call.outcome.name()));
    }
    if call.cpu_ns > 0 {
        facts.push(format!("{} of CPU", time(call.cpu_ns as f64)));
    }
    if call.allocated_bytes > 0 {
        facts.push(format!("{} allocated", bytes(call.allocated_bytes as f64)));
    }
    if !call.polls.is_empty() {
        facts.push(counted(call.polls.len(), "poll"));
    }
    if !call.samples.is_empty() {
        facts.push(counted(call.samples.len(), "sample"));
    }
    if !call.trace_id.is_empty() {
        facts.push(format!("trace {}", escape(&call.trace_id)));
    }
    facts.extend(call.labels.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))));
    facts.join(" · ")
}

fn line(page: &mut String, step: &SlowStep) {
    let indent = "  ".repeat(step.depth as usize);
    let what = match step.kind {
        SlowStepKind::Lock => "waits for a ",
        SlowStepKind::Query => "query ",
        _ => "",
    };
    let mut said =
        format!("{}{what}{}", step.through.iter().map(|of| format!("{of} > ")).collect::<String>(), step.name);
    if !step.held_by.is_empty() {
        let _ = write!(said, " held by {}", step.held_by);
    }
    if step.outcome != Outcome::Ok {
        let _ = write!(said, ", {}", step.outcome.name());
    }
    if step.allocated_bytes > 0 {
        let _ = write!(said, ", {} allocated", bytes(step.allocated_bytes as f64));
    }
    if step.stands_for > 1 {
        let _ = write!(said, ", one of {} calls", step.stands_for);
    }
    let (after, took) = (format!("+{}", time(step.after_ns as f64)), time(step.duration_ns as f64));
    let _ = writeln!(page, "{after:>12} {took:>10}  {indent}{}", escape(&safe::line(&said)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let bad = || "<script>alert(\"1\")</script>".to_owned();
        let step = SlowStep { name: bad(), held_by: bad(), through: vec![bad()], ..SlowStep::default() };
        let labels = vec![(bad(), bad())];
        let call = SlowCall { steps: vec![step], labels, trace_id: bad(), ..SlowCall::default() };
        let function = SlowFunction { name: bad(), module: bad(), slowest: vec![call], ..SlowFunction::default() };
        let page = slow(&SlowCalls { functions: vec![function], ..SlowCalls::default() });
        assert!(!page.contains("<script>alert"), "{page}");
        assert_eq!(page.matches("&lt;script&gt;").count(), 8, "{page}");
    }

    #[test]
    fn without_roots_the_page_says_how_to_mark_them() {
        assert!(slow(&SlowCalls::default()).contains("profiled(root)"));
    }
}

//! The index page.

use std::fmt::Write as _;

use super::accounts;
use super::html::{self, escape, percent};
use crate::alert::AlertPhase;
use crate::base::sort;
use crate::base::units::{bytes, count, time};
use crate::collect;
use crate::snapshot::{
    DeliveryKind, ESTIMATED_SAYS, Function, InstrumentUse, Shown, Snapshot, StatementFigures, Verdict, WEAK_SAYS,
};
use crate::target::Status;

/// A column: its head, the number by which it is sorted, and the text of a cell.
struct Column {
    head: &'static str,
    hint: &'static str,
    value: fn(&Function) -> Option<Shown>,
    show: fn(f64) -> String,
}

/// A value that is not an estimate.
fn exact(value: f64) -> Shown {
    Shown { ns: value, is_weak: false }
}

const COLUMNS: &[Column] = &[
    Column { head: "calls", hint: "finished calls", value: |f| Some(exact(f.calls.total() as f64)), show: count },
    Column { head: "running", hint: "calls running now", value: |f| Some(exact(f.running as f64)), show: count },
    Column { head: "p50", hint: "median duration", value: |f| Shown::quantile(f, 0.5), show: time },
    Column {
        head: "p95",
        hint: "95 % of the calls are at most this long",
        value: |f| Shown::quantile(f, 0.95),
        show: time,
    },
    Column {
        head: "p99",
        hint: "99 % of the calls are at most this long",
        value: |f| Shown::quantile(f, 0.99),
        show: time,
    },
    Column {
        head: "total",
        hint: "including callees, excluding a future's idle time",
        value: |f| Some(Shown::total(f)),
        show: time,
    },
    Column { head: "self", hint: "excluding profiled callees", value: |f| Some(Shown::own(f)), show: time },
    Column {
        head: "CPU",
        hint: "thread CPU time, including callees",
        value: |f| f.cpu.as_ref().map(|_| Shown::cpu(f)),
        show: time,
    },
];

const BYTES: Column = Column {
    head: "bytes/call",
    hint: "requested from the allocator",
    value: |f| f.bytes.as_ref()?.mean().map(exact),
    show: bytes,
};

/// The functions with the highest cost come first.
pub(in crate::serve) fn index(snapshot: &Snapshot) -> String {
    let mut page = html::begin("perf-sdk: functions", None);
    head(&mut page, snapshot);
    if snapshot.functions.is_empty() {
        page.push_str("<p class=\"empty\">No profiled function was called yet. Put <code>#[perf_sdk::profiled]</code> on one.</p>");
    } else {
        table(&mut page, snapshot);
    }
    accounts::write(&mut page, snapshot);
    foot(&mut page, snapshot);
    html::end(&mut page);
    page
}

fn head(page: &mut String, snapshot: &Snapshot) {
    let profiler = &snapshot.profiler;
    let _ = write!(
        page,
        "<header><h1><a href=\".\">perf-sdk</a></h1><span class=\"facts\">{} functions · {} threads · recording for {} · CPU clock {}",
        snapshot.functions.len(),
        profiler.threads,
        time(snapshot.window_ns as f64),
        if profiler.cpu_clock.is_empty() { "none" } else { &profiler.cpu_clock },
    );
    accounts::memory(page, snapshot);
    // Only a restriction of sampling is shown. The rest of its state is in the snapshot.
    if let Some(but) = profiler.stacks.but() {
        let _ = write!(page, " · <span class=\"bad\">samples of stacks: {}</span>", escape(but));
    }
    page.push_str("</span></header><nav><a href=\"flame\">flamegraphs</a>");
    if cfg!(feature = "svg") {
        page.push_str("<b>flamegraph</b>");
        let allocations: &[&str] = if snapshot.has_allocations { &["bytes", "allocations"] } else { &[] };
        let heap: &[&str] = if snapshot.heap.is_some() { &["live", "retained_old"] } else { &[] };
        let stacks: &[&str] = if profiler.stacks.is_on() { &["cpu_samples"] } else { &[] };
        for weight in ["wall", "cpu", "offcpu", "calls"].iter().chain(stacks).chain(allocations).chain(heap) {
            let _ = write!(page, "<a href=\"flamegraph?weight={weight}\">{weight}</a>");
        }
        page.push_str("<a href=\"flamegraph?weight=wall&amp;seconds=10\">next 10 s</a>");
    }
    page.push_str(
        "<b>also</b><a href=\"metrics\">metrics</a><a href=\"folded\">folded</a><a href=\"speedscope\">speedscope</a>\
         <a href=\"snapshot\">snapshot</a><a href=\"slow\">slow</a>\
         <a href=\"report\">report</a>",
    );
    if cfg!(feature = "hdr") {
        page.push_str("<a href=\"hlog\">hlog</a>");
    }
    if snapshot.heap.is_some() {
        page.push_str("<a href=\"dhat\">dhat</a>");
    }
    if cfg!(any(feature = "heap", feature = "stacks")) {
        page.push_str("<a href=\"debug/pprof/\">pprof</a>");
    }
    leaks(page, snapshot);
    targets(page, snapshot);
    alerts(page, snapshot);
    let findings = collect::number_of_findings(snapshot);
    page.push_str("<a href=\"findings\">findings</a>");
    if findings > 0 {
        let _ = write!(page, "<span class=\"warn\">{findings}</span>");
    }
    if cfg!(feature = "flight") {
        page.push_str("<a href=\"flight\">evidence</a>");
    }
    queries(page, snapshot);
    page.push_str("</nav>");
}

/// A link to the leak page, with the worst verdict.
fn leaks(page: &mut String, snapshot: &Snapshot) {
    let findings = snapshot.leaks.as_ref().map_or(&[][..], |leaks| &leaks.findings);
    let worst = findings.first().map(|finding| finding.verdict).filter(|verdict| *verdict > Verdict::Bounded);
    let _ = match worst {
        Some(verdict) => {
            let count = findings.iter().filter(|finding| finding.verdict == verdict).count();
            write!(page, "<a href=\"leaks\">leaks</a><span class=\"bad\">{count} {verdict}</span>")
        }
        None => write!(page, "<a href=\"leaks\">leaks</a>"),
    };
}

/// A link to the page of targets, with how many are missed or at risk.
fn targets(page: &mut String, snapshot: &Snapshot) {
    let Some(judgement) = &snapshot.targets else { return };
    page.push_str("<a href=\"targets\">targets</a>");
    for (status, class) in [(Status::Missed, "bad"), (Status::AtRisk, "warn")] {
        let count = judgement.count(status);
        if count > 0 {
            let _ = write!(page, "<span class=\"{class}\">{count} {status}</span>");
        }
    }
}

/// A link to the page of alerts, with how many fire.
fn alerts(page: &mut String, snapshot: &Snapshot) {
    let Some(alerts) = &snapshot.alerts else { return };
    page.push_str("<a href=\"alerts\">alerts</a>");
    for (phase, class) in [(AlertPhase::Firing, "bad"), (AlertPhase::Pending, "warn")] {
        let number = alerts.in_phase(phase).count();
        if number > 0 {
            let _ = write!(page, "<span class=\"{class}\">{number} {phase}</span>");
        }
    }
}

/// A link to the page of statements, with how many of them somebody should look at.
fn queries(page: &mut String, snapshot: &Snapshot) {
    if snapshot.statements.is_empty() {
        return;
    }
    page.push_str("<a href=\"queries\">queries</a>");
    let number = |is_one: fn(&StatementFigures) -> bool| snapshot.statements.iter().filter(|one| is_one(one)).count();
    let slow = number(|statement| statement.slow > 0 || statement.is_slow_on_average());
    let repeated = number(|statement| statement.n_plus_one > 0);
    for (number, said) in [(slow, "slow"), (repeated, "too often")] {
        if number > 0 {
            let _ = write!(page, "<span class=\"warn\">{number} {said}</span>");
        }
    }
}

fn table(page: &mut String, snapshot: &Snapshot) {
    let columns = || COLUMNS.iter().chain(snapshot.has_allocations.then_some(&BYTES));
    page.push_str("<div class=\"scroll\"><table><thead><tr><th>function</th>");
    for column in columns() {
        let sort = if column.head == "self" { " aria-sort=\"descending\"" } else { "" };
        let _ = write!(page, "<th title=\"{}\"{sort}>{}</th>", column.hint, column.head);
    }
    page.push_str("</tr></thead><tbody>");
    let mut functions: Vec<&Function> = snapshot.functions.iter().collect();
    sort::sort_by_key(&mut functions, |function| std::cmp::Reverse(function.exclusive.wall_ns));
    let all: f64 = functions.iter().map(|f| f.exclusive.wall_ns.max(0) as f64).sum();
    for function in functions {
        row(page, function, columns(), all);
    }
    page.push_str("</tbody></table></div>");
}

const LAZY_SAYS: &str = "it returns an iterator, a stream or a future, whose later work is not in these figures";

const UNFAIR_SAYS: &str = "it works in step with what signals its thread, so flamegraphs of CPU samples show too much or too little of it; PERF_STACKS=perf-clock is fair where perf events are allowed";

/// The remarks below a function's name.
fn remarks(function: &Function) -> Vec<String> {
    let mut all = Vec::new();
    if !function.module.is_empty() {
        all.push(escape(&function.module).to_string());
    }
    match function.one_in {
        0 => all.push("counted only".to_owned()),
        1 => {}
        n => all.push(format!(
            "<span title=\"one call in {n} is measured and stands for all of them; {} calls were measured\">1 in {n} measured</span>",
            count(function.samples as f64),
        )),
    }
    if function.is_lazy {
        all.push(format!("<span title=\"{LAZY_SAYS}\">lazy</span>"));
    }
    if function.estimated_calls > 0 {
        let estimated = count(function.estimated_calls as f64);
        all.push(format!("<span title=\"{ESTIMATED_SAYS}\">≈ {estimated} calls estimated</span>"));
    }
    if let Some(ratio) = function.unfairly_sampled() {
        all.push(format!("<span title=\"{UNFAIR_SAYS}\">samples show {ratio:.1} × its CPU time</span>"));
    }
    let calls = function.calls;
    let bad: Vec<String> = [(calls.error, "errors"), (calls.panic, "panics"), (calls.cancelled, "cancelled")]
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", count(*n as f64)))
        .collect();
    if !bad.is_empty() {
        let text = function.last_error.as_deref().unwrap_or("");
        all.push(format!("<span class=\"bad\" title=\"{}\">{}</span>", escape(text), bad.join(", ")));
    }
    all.extend(instruments(function));
    all
}

/// The maximum number of instruments in a row.
const MOST_INSTRUMENTS: usize = 4;

/// The instruments that the function used, those for which it waited longest first.
fn instruments(function: &Function) -> impl Iterator<Item = String> {
    let mut used: Vec<&InstrumentUse> = function.instruments.iter().collect();
    sort::sort_by_key(&mut used, |used| std::cmp::Reverse(used.wait_ns));
    let more = used.len().saturating_sub(MOST_INSTRUMENTS);
    let shown = used.into_iter().take(MOST_INSTRUMENTS).map(|used| {
        let (kind, name, said) = (escape(&used.kind), escape(&used.name), used.said());
        format!("<span title=\"excluding callees: {said}\">{kind} {name} {}</span>", time(used.wait_ns as f64))
    });
    let more = (more > 0).then(|| format!("{more} more instruments"));
    shown.chain(more).collect::<Vec<_>>().into_iter()
}

fn row<'a>(page: &mut String, function: &Function, columns: impl Iterator<Item = &'a Column>, all_self: f64) {
    let name = escape(&function.name);
    let _ = write!(page, "<tr><td data-v=\"{name}\">");
    if cfg!(feature = "svg") {
        let _ = write!(page, "<a href=\"flamegraph?function={}\">{name}</a>", percent(&function.name));
    } else {
        page.push_str(&name);
    }
    let _ = write!(page, "<small title=\"{}:{}\">", escape(&function.file), function.line);
    page.push_str(&remarks(function).join(" · "));
    page.push_str("</small></td>");
    for column in columns {
        match (column.value)(function) {
            Some(Shown { ns: value, is_weak }) => {
                let text = (column.show)(value);
                let _ = match is_weak {
                    true => write!(page, "<td class=\"weak\" title=\"{WEAK_SAYS}\" data-v=\"{value}\">~{text}"),
                    false => write!(page, "<td data-v=\"{value}\">{text}"),
                };
                if column.head == "self" && all_self > 0.0 {
                    let share = (value.max(0.0) / all_self * 100.0).min(100.0);
                    // The width is an attribute, because inline styles would need a policy that
                    // allows all of them.
                    let _ = write!(
                        page,
                        "<svg class=\"bar\" role=\"presentation\"><rect x=\"{:.1}%\" width=\"{share:.1}%\" height=\"3\"/></svg>",
                        100.0 - share,
                    );
                }
                page.push_str("</td>");
            }
            None => page.push_str("<td data-v=\"-1\"></td>"),
        }
    }
    page.push_str("</tr>");
}

fn foot(page: &mut String, snapshot: &Snapshot) {
    let profiler = &snapshot.profiler;
    let _ = write!(
        page,
        "<footer>The profiler itself: {} of memory, some {}",
        bytes(profiler.memory_bytes as f64),
        profiler.spent_said(snapshot.window_ns),
    );
    if let Some(said) = profiler.over_budget() {
        let _ = write!(page, " · <span class=\"bad\">{}</span>", escape(&said));
    }
    for (reason, n) in profiler.dropped.iter().filter(|(_, n)| **n > 0) {
        let _ = write!(page, " · <span class=\"bad\">{n} dropped: {}</span>", escape(reason));
    }
    for delivery in &profiler.deliveries {
        let what = match delivery.by {
            DeliveryKind::Push => "profiles pushed",
            DeliveryKind::Files => "profiles written",
            DeliveryKind::Otlp => "data points sent",
            DeliveryKind::Webhook | DeliveryKind::Alertmanager => "changes of alerts posted",
        };
        let _ = write!(page, " · {} {what} to {}", delivery.ok, escape(&delivery.to));
        let lost = (delivery.failed > 0).then(|| format!("{} lost", delivery.failed));
        let error = Some(escape(&delivery.last_error).to_string()).filter(|error| !error.is_empty());
        let said: Vec<String> = lost.into_iter().chain(error).collect();
        if !said.is_empty() {
            let _ = write!(page, ", <span class=\"bad\">{}</span>", said.join(": "));
        }
    }
    page.push_str("</footer>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let mut snapshot = Snapshot::default();
        let name = "<script>alert(\"1\")</script>&'".to_owned();
        let function = Function { name, last_error: Some("\"><b>".into()), ..Function::default() };
        snapshot.functions.push(function);
        let page = index(&snapshot);
        assert!(!page.contains("<script>alert") && !page.contains("\"><b>"), "{page}");
        assert!(page.contains("%3Cscript%3E"));
    }
}

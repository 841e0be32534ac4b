//! The page of targets.

use std::fmt::Write as _;
use std::time::Duration;

use super::html::{self, escape};
use crate::base::units::count;
use crate::target::{BurnState, ErrorBudget, Judgement, Status, TargetState, duration, percent};

/// `judgement` is `None` without targets, and before the first judgement.
pub(in crate::serve) fn targets(judgement: Option<&Judgement>) -> String {
    let mut page = html::begin("perf-sdk: targets", None);
    page.push_str("<header><h1><a href=\".\">perf-sdk</a></h1>");
    match judgement.filter(|judgement| !judgement.targets.is_empty()) {
        None => page.push_str(
            "</header><p class=\"empty\">There are no targets. They are given in code, in a file of TOML or in a variable: \
             <code>PERF_TARGETS='p95(\"search\") &lt; 100ms; resident &lt; 1GiB'</code>. \
             They are judged from two seconds after the start on.</p>",
        ),
        Some(judgement) => {
            let _ = write!(
                page,
                "<span class=\"facts\">targets: {}</span></header><nav><b>also</b><a href=\"targets?format=json\">json</a></nav>",
                judgement.summary()
            );
            table(&mut page, judgement);
        }
    }
    html::end(&mut page);
    page
}

fn table(page: &mut String, judgement: &Judgement) {
    let has_budgets = judgement.targets.iter().any(|target| target.budget.is_some());
    page.push_str(
        "<div class=\"scroll\"><table class=\"targets\"><thead><tr><th>metric</th><th>current</th><th>target</th><th class=\"words\">status</th>",
    );
    if has_budgets {
        page.push_str(
            "<th title=\"the share that is left of the calls that may be bad in the period\">error budget</th>",
        );
    }
    page.push_str("</tr></thead><tbody>");
    judgement.targets.iter().for_each(|target| row(page, target, has_budgets));
    page.push_str("</tbody></table></div>");
}

/// The class of a status, and its place when sorted: the worst is the highest.
fn class(status: Status) -> (&'static str, u8) {
    match status {
        Status::Missed => ("bad", 4),
        Status::AtRisk => ("warn", 3),
        Status::NotEvaluable => ("soft", 2),
        Status::NoData => ("soft", 1),
        Status::Met => ("ok", 0),
    }
}

fn row(page: &mut String, target: &TargetState, has_budgets: bool) {
    let (name, metric) = (escape(&target.name), escape(&target.metric));
    let _ = if target.is_named {
        write!(page, "<tr><td data-v=\"{name}\">{name}<small>{metric} · {}</small></td>", basis(target))
    } else {
        write!(page, "<tr><td data-v=\"{metric}\">{metric}<small>{}</small></td>", basis(target))
    };
    let _ = match target.current {
        Some(value) => write!(page, "<td data-v=\"{value}\">{}{}</td>", escape(&target.shown), bar(target)),
        None => write!(page, "<td data-v=\"-1\">–</td>"),
    };
    let limits = escape(&target.target);
    let (class, rank) = class(target.status);
    let _ = write!(
        page,
        "<td class=\"limit\" data-v=\"{}\">{limits}</td><td class=\"words\" data-v=\"{rank}\"><span class=\"{class}\">{}</span><small>{}</small></td>",
        target.upper.or(target.lower).unwrap_or(-1.0),
        target.status,
        escape(&target.reason),
    );
    if has_budgets {
        budget(page, target.budget.as_ref());
    }
    page.push_str("</tr>");
}

/// On what the value rests.
fn basis(target: &TargetState) -> String {
    let window = seconds(target.window_seconds);
    let mut basis = format!("over {window}");
    if target.current.is_some() {
        if target.covered_seconds < target.window_seconds * 0.95 {
            let _ = write!(basis, ", with data of {}", seconds(target.covered_seconds));
        }
        let events = if target.events == 1 { "event" } else { "events" };
        let _ = write!(basis, ", {} {events}", count(target.events as f64));
    }
    basis
}

fn seconds(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map(duration).unwrap_or_default()
}

/// The value as a share of its upper limit, or else of its lower one.
fn bar(target: &TargetState) -> String {
    let Some((_, ratio)) = target.ratios().last().filter(|(_, ratio)| *ratio >= 0.0) else { return String::new() };
    let share = (ratio * 100.0).min(100.0);
    format!(
        "<svg class=\"bar\" role=\"presentation\"><rect x=\"{:.1}%\" width=\"{share:.1}%\" height=\"3\"/></svg>",
        100.0 - share
    )
}

fn budget(page: &mut String, budget: Option<&ErrorBudget>) {
    let Some(budget) = budget else { return page.push_str("<td data-v=\"-9\"></td>") };
    let period = seconds(budget.period_seconds);
    let _ = match budget.remaining {
        Some(left) => {
            let class = if left <= 0.0 { " class=\"bad\"" } else { "" };
            write!(page, "<td data-v=\"{left}\"><span{class}>{} of {period}</span>", percent(left))
        }
        None => write!(page, "<td data-v=\"-9\"><span title=\"{}\">–</span>", escape(&budget.reason)),
    };
    let _ = write!(page, "<small>{} must be good", percent(budget.objective));
    for rate in &budget.burn_rates {
        let windows = format!("{} and {}", seconds(rate.long_seconds), seconds(rate.short_seconds));
        if let (Some(long), Some(short)) = (rate.long_rate, rate.short_rate) {
            let class = if rate.state == BurnState::Burning { " class=\"bad\"" } else { "" };
            let _ = write!(
                page,
                " · <span{class} title=\"too fast from {} on, in both windows\">burns {:.1} times, over {windows}</span>",
                rate.factor,
                long.min(short),
            );
        }
    }
    page.push_str("</small></td>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::BurnRate;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let target = TargetState {
            name: "<script>".into(),
            metric: "p95(\"<b>\")".into(),
            target: "< 100ms".into(),
            reason: "did you mean \"<i>\"?".into(),
            is_named: true,
            ..TargetState::default()
        };
        let page = targets(Some(&Judgement { at_unix_ns: 1, targets: vec![target] }));
        assert!(!page.contains("<script>\"") && !page.contains("<b>\"") && !page.contains("<i>"), "{page}");
        assert!(page.contains("&lt;script&gt;") && page.contains("&lt; 100ms"), "{page}");
    }

    #[test]
    fn a_row_says_value_limit_status_and_budget() {
        let mut rate = BurnRate::quiet();
        (rate.long_rate, rate.short_rate, rate.long_seconds, rate.short_seconds) =
            (Some(16.0), Some(15.0), 3_600.0, 300.0);
        rate.state = BurnState::Burning;
        let target = TargetState {
            metric: "p95(\"search\")".into(),
            target: "< 100ms".into(),
            current: Some(0.05),
            shown: "50.0 ms".into(),
            upper: Some(0.1),
            events: 1_234,
            window_seconds: 300.0,
            covered_seconds: 60.0,
            status: Status::Met,
            budget: Some(ErrorBudget {
                objective: 0.95,
                period_seconds: 86_400.0,
                remaining: Some(0.5),
                burn_rates: vec![rate],
                ..ErrorBudget::default()
            }),
            ..TargetState::default()
        };
        let page = targets(Some(&Judgement { at_unix_ns: 1, targets: vec![target] }));
        for part in [
            "p95(&quot;search&quot;)<small>over 5m, with data of 1m, 1\u{202f}234 events",
            "50.0 ms<svg",
            "width=\"50.0%\"",
            "<span class=\"ok\">met</span>",
            "50.0% of 1d</span><small>95.0% must be good · <span class=\"bad\"",
            "burns 15.0 times, over 1h and 5m",
            "targets: 1 met",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn without_targets_the_page_says_how_to_give_some() {
        for none in [None, Some(&Judgement::default())] {
            assert!(targets(none).contains("PERF_TARGETS="));
        }
    }
}

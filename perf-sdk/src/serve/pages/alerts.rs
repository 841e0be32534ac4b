//! The page of alerts.

use std::fmt::Write as _;
use std::time::Duration;

use super::html::{self, escape};
use crate::alert::{AlertChange, AlertEvent, AlertOutcome, AlertPhase, AlertRuleState, AlertState, AlertsReport};
use crate::base::sort;
use crate::base::units::count;
use crate::target::duration;

/// The number of events that are shown; all of them are in the JSON form.
const MOST_SHOWN: usize = 100;

/// `report` is `None` without rules, and before the first judgement.
pub(in crate::serve) fn alerts(report: Option<&AlertsReport>) -> String {
    let mut page = html::begin("perf-sdk: alerts", None);
    page.push_str("<header><h1><a href=\".\">perf-sdk</a></h1>");
    let Some(report) = report.filter(|report| !report.now.rules.is_empty()) else {
        page.push_str(
            "</header><p class=\"empty\">There are no alerts. They are given in code, in a file of TOML or in a variable: \
             <code>PERF_ALERTS='p99(\"search\") &gt; 250ms for 30s'</code>; those that need to know nothing of the program \
             are there unless <code>PERF_ALERTS_SHIPPED=false</code>. They are judged from two seconds after the start on.</p>",
        );
        html::end(&mut page);
        return page;
    };
    let number = |phase| report.now.in_phase(phase).count();
    let _ = write!(
        page,
        "<span class=\"facts\">firing: {}, pending: {}, cooling down: {} · {} rules</span></header>\
         <nav><b>also</b><a href=\"alerts?format=json\">json</a><a href=\"targets\">targets</a><a href=\"leaks\">leaks</a></nav>",
        number(AlertPhase::Firing),
        number(AlertPhase::Pending),
        number(AlertPhase::CoolingDown),
        report.now.rules.len(),
    );
    rules(&mut page, report);
    events(&mut page, report);
    html::end(&mut page);
    page
}

/// The class of a phase, and its place when sorted: what fires comes first.
fn class(phase: AlertPhase) -> (&'static str, u8) {
    match phase {
        AlertPhase::Firing => ("bad", 4),
        AlertPhase::CoolingDown => ("warn", 3),
        AlertPhase::Pending => ("warn", 2),
        AlertPhase::Inactive => ("ok", 1),
    }
}

fn rules(page: &mut String, report: &AlertsReport) {
    page.push_str(
        "<div class=\"scroll\"><table class=\"targets\"><thead><tr><th>alert</th><th class=\"words\">state</th>\
         <th>since</th></tr></thead><tbody>",
    );
    let mut rows: Vec<(&AlertRuleState, Option<&AlertState>)> = Vec::new();
    for rule in &report.now.rules {
        rows.extend(rule.alerts.iter().map(|alert| (rule, Some(alert))));
        if rule.alerts.is_empty() {
            rows.push((rule, None));
        }
    }
    let rank = |alert: Option<&AlertState>| alert.map_or(0, |alert| class(alert.phase).1);
    sort::sort_by_key(&mut rows, |(_, alert)| std::cmp::Reverse(rank(*alert)));
    rows.into_iter().for_each(|(rule, alert)| row(page, rule, alert, report.now.at_unix_ns));
    page.push_str("</tbody></table></div>");
}

fn row(page: &mut String, rule: &AlertRuleState, alert: Option<&AlertState>, now_unix_ns: u64) {
    let name = escape(&rule.name);
    let subject = alert.map(|alert| escape(&alert.subject)).filter(|subject| !subject.is_empty());
    let subject = subject.map(|subject| format!(": {subject}")).unwrap_or_default();
    let expression = if rule.name == rule.expression { String::new() } else { escape(&rule.expression).to_string() };
    let _ = write!(page, "<tr><td data-v=\"{name}\">{name}{subject}<small>{expression}</small></td>");
    let Some(alert) = alert else {
        let (class, said) = if rule.reason.is_empty() { ("ok", "inactive") } else { ("soft", "not judged") };
        let _ = write!(
            page,
            "<td class=\"words\" data-v=\"0\"><span class=\"{class}\">{said}</span><small>{}</small></td>\
             <td data-v=\"-1\">–</td></tr>",
            escape(&rule.reason),
        );
        return;
    };
    let (class, rank) = class(alert.phase);
    let mut said = escape(&alert.evidence).to_string();
    if !alert.explained_by.is_empty() {
        let _ = write!(said, " · explained by {}", escape(&alert.explained_by));
    }
    if alert.phase == AlertPhase::Firing && !rule.summary.is_empty() {
        let _ = write!(said, " · {}", escape(&rule.summary));
    }
    said.push_str(&evidence(&alert.bundle));
    let since = now_unix_ns.saturating_sub(alert.since_unix_ns);
    // The worse comes first among those of one phase.
    let rank = rank * 4 + alert.severity as u8;
    let _ = write!(
        page,
        "<td class=\"words\" data-v=\"{rank}\"><span class=\"{class}\">{}</span> {}<small>{said}</small></td>\
         <td data-v=\"{since}\">{}</td></tr>",
        alert.phase,
        alert.severity,
        seconds(since as f64 * 1e-9),
    );
}

/// Where the bundle of an alert is. It may not be kept any more.
fn evidence(bundle: &str) -> String {
    if bundle.is_empty() {
        String::new()
    } else {
        format!(" · <a href=\"api/v1/flight/{}\">evidence</a>", escape(bundle))
    }
}

fn seconds(seconds: f64) -> String {
    // Less than a second is now.
    if seconds < 1.0 {
        "now".to_owned()
    } else {
        Duration::try_from_secs_f64(seconds).map(duration).unwrap_or_default()
    }
}

fn events(page: &mut String, report: &AlertsReport) {
    if report.events.is_empty() {
        page.push_str("<p class=\"empty\">Nothing happened yet.</p>");
        return;
    }
    page.push_str(
        "<div class=\"scroll\"><table class=\"targets\"><thead><tr><th>what happened</th><th class=\"words\">how</th>\
         <th aria-sort=\"ascending\">ago</th></tr></thead><tbody>",
    );
    for event in report.events.iter().take(MOST_SHOWN) {
        self::event(page, report, event);
    }
    page.push_str("</tbody></table></div>");
    if report.events.len() > MOST_SHOWN {
        let more = count((report.events.len() - MOST_SHOWN) as f64);
        let _ = write!(page, "<p class=\"empty\">{more} more in <a href=\"alerts?format=json\">json</a>.</p>");
    }
}

/// What was done about a change, and whether it helped.
fn runs(report: &AlertsReport, event: &AlertEvent) -> String {
    let mut said = String::new();
    for run in report.runs_of(event) {
        let class = match run.outcome {
            AlertOutcome::Recovered => "ok",
            AlertOutcome::NoEffect | AlertOutcome::Failed => "bad",
            AlertOutcome::Skipped => "warn",
            _ => "soft",
        };
        let _ = write!(said, "<br>{}: <span class=\"{class}\">{}</span>", run.action, run.outcome);
        for part in [&run.detail, &run.output].into_iter().filter(|part| !part.is_empty()) {
            let _ = write!(said, " · {}", escape(part));
        }
    }
    said
}

fn event(page: &mut String, report: &AlertsReport, event: &AlertEvent) {
    let now_unix_ns = report.now.at_unix_ns;
    let title = escape(&event.title()).to_string();
    let (class, after) = match event.change {
        AlertChange::Fired => ("bad", String::new()),
        AlertChange::Escalated => ("bad", format!(" to {}", event.severity)),
        AlertChange::Resolved => ("ok", format!(" after {}", seconds(event.fired_seconds))),
    };
    let ago = now_unix_ns.saturating_sub(event.at_unix_ns);
    let explained = if event.explained_by.is_empty() {
        String::new()
    } else {
        format!(" · explained by {}", escape(&event.explained_by))
    };
    let evidence = evidence(&event.bundle);
    let runs = runs(report, event);
    let _ = write!(
        page,
        "<tr><td data-v=\"{title}\">{title}<small>{}{explained}{evidence}{runs}</small></td>\
         <td class=\"words\" data-v=\"{1}\"><span class=\"{class}\">{1}{after}</span></td><td data-v=\"{ago}\">{2}</td></tr>",
        escape(&event.evidence),
        event.change,
        seconds(ago as f64 * 1e-9),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertRun, AlertSeverity, Alerts};

    fn report(name: &str) -> AlertsReport {
        let alert = AlertState {
            subject: name.into(),
            evidence: name.into(),
            phase: AlertPhase::Firing,
            severity: AlertSeverity::Critical,
            since_unix_ns: 1_000_000_000,
            explained_by: name.into(),
            ..AlertState::default()
        };
        let rule = AlertRuleState {
            name: name.into(),
            expression: "cpu > 95%".into(),
            summary: name.into(),
            alerts: vec![alert],
            ..AlertRuleState::default()
        };
        let idle = AlertRuleState { name: "idle".into(), reason: name.into(), ..AlertRuleState::default() };
        let event = AlertEvent {
            at_unix_ns: 1_000_000_000,
            rule: name.into(),
            subject: name.into(),
            fingerprint: String::new(),
            change: AlertChange::Resolved,
            severity: AlertSeverity::Warning,
            evidence: name.into(),
            value: None,
            summary: name.into(),
            since_unix_ns: 1,
            fired_seconds: 90.0,
            explained_by: name.into(),
            bundle: String::new(),
        };
        let run = AlertRun {
            changed_at_unix_ns: event.at_unix_ns,
            outcome: AlertOutcome::Recovered,
            detail: name.into(),
            output: name.into(),
            ..AlertRun::default()
        };
        let now = Alerts { at_unix_ns: 61_000_000_000, rules: vec![idle, rule], ..Alerts::default() };
        AlertsReport { now, events: vec![event], runs: vec![run] }
    }

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let page = alerts(Some(&report("<script>alert(\"1\")</script>")));
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(page.matches("&lt;script&gt;").count() >= 11, "{page}");
    }

    #[test]
    fn what_fires_comes_first_with_its_evidence_and_what_happened_below() {
        let page = alerts(Some(&report("busy")));
        for part in [
            "firing: 1, pending: 0, cooling down: 0 · 2 rules",
            "busy: busy<small>cpu &gt; 95%</small>",
            "<span class=\"bad\">firing</span> critical<small>busy · explained by busy · busy</small></td><td data-v=\"60000000000\">1m</td>",
            "<span class=\"soft\">not judged</span><small>busy</small>",
            "<br>capture: <span class=\"ok\">recovered</span> · busy · busy</small>",
            "<span class=\"ok\">resolved after 1.5m</span></td><td data-v=\"60000000000\">1m</td>",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(page.find("firing").unwrap() < page.find("not judged").unwrap());
    }

    #[test]
    fn without_rules_the_page_says_how_to_give_some() {
        for none in [None, Some(&AlertsReport::default())] {
            assert!(alerts(none).contains("PERF_ALERTS="));
        }
    }
}

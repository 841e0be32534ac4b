//! `status`: how a program is, in short.

use clap::Args;

use crate::endpoint::Asked;
use crate::facts::alerts::Alert;
use crate::facts::functions::titles;
use crate::facts::overview::Process;
use crate::facts::status::{self, Health};
use crate::facts::targets::Target;
use crate::failure::Outcome;
use crate::output;
use crate::paint::{Paint, safe};
use crate::units::{bytes, digits, percent, time};
use crate::window::Moment;

/// Say how a program is, in one page: health, CPU, memory, alerts, who costs most
#[derive(Args)]
#[command(after_help = "Exit status: 0 well; 1 a target is missed, or a warning or critical alert fires; 2 no answer.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let health = status::ask(&arguments.asked.client()?)?;
    if arguments.json {
        output::print_json(&health)?;
    } else {
        output::print(&shown(&health, Paint::of_stdout()))?;
    }
    Ok(health.status())
}

fn shown(health: &Health, paint: Paint) -> String {
    let process = &health.process;
    let word = if health.health == "well" { paint.green("well") } else { paint.red("unwell") };
    let mut text = format!(
        "{} {} (process {} at {}), recorded for {}\n",
        paint.bold(&safe(&process.program)),
        word,
        process.pid,
        process.endpoint,
        time(process.recorded_seconds * 1e9),
    );
    text += &format!("  {}\n", resources(process));
    if !process.is_recording {
        text += &format!("  {}\n", paint.yellow("recording is off"));
    }
    let counts = &health.targets;
    let all = counts.met + counts.at_risk + counts.missed + counts.unknown;
    if all > 0 {
        text += &format!(
            "  targets: {} met, {} at risk, {} missed, {} unknown\n",
            counts.met, counts.at_risk, counts.missed, counts.unknown
        );
    }
    for target in &health.missed_targets {
        text += &format!("  {} {}\n", paint.red("missed"), safe(&missed(target)));
    }
    if health.leaks > 0 {
        text += &format!("  {}\n", paint.yellow(&format!("leaks: {}; perf-sdk memory", health.leaks)));
    }
    health.alerts.iter().for_each(|alert| text += &alert_line(alert, paint));
    part(
        &mut text,
        paint,
        "most CPU in the last minutes",
        health.most_cpu.iter().zip(titles(&health.most_cpu)).map(|(function, name)| {
            let cores = function.self_cpu_cores.map_or_else(
                || time(function.self_cpu_seconds.unwrap_or(0.0) * 1e9),
                |cores| format!("{} cores", digits(cores)),
            );
            let p99 = function.p99_seconds.map(|p99| format!(", p99 {}", time(p99 * 1e9))).unwrap_or_default();
            format!("{name}: {cores}{p99}")
        }),
    );
    part(
        &mut text,
        paint,
        "most live memory",
        health.most_live_memory.iter().map(|owner| format!("{}: {}", owner.function, bytes(owner.live_bytes))),
    );
    part(&mut text, paint, "advice", health.findings.iter().map(|finding| finding.claim.clone()));
    text + "\nmore: perf-sdk top | functions | memory | history | advise | diff; perf-sdk --help\n"
}

/// `search p99: 231 ms, allowed < 100ms; why`
fn missed(target: &Target) -> String {
    let shown = if target.shown.is_empty() { "no value" } else { &target.shown };
    let reason = if target.reason.is_empty() { String::new() } else { format!("; {}", target.reason) };
    format!("{}: {shown}, allowed {}{reason}", target.name, target.target)
}

fn part(text: &mut String, paint: Paint, head: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.map(|line| format!("  {}\n", safe(&line))).collect();
    if !lines.is_empty() {
        *text += &format!("\n{}\n{}", paint.bold(head), lines.concat());
    }
}

fn alert_line(alert: &Alert, paint: Paint) -> String {
    let phase = match (alert.phase, alert.severity) {
        ("firing", "critical") => paint.red("fires, critical"),
        ("firing", severity) => paint.yellow(&format!("fires, {severity}")),
        (phase, _) => paint.dim(&phase.replace('_', " ")),
    };
    let since = Moment(alert.since_unix_seconds).shown();
    let subject = if alert.subject.is_empty() { String::new() } else { format!(" ({})", alert.subject) };
    format!("  alert {}: {phase} since {since}: {}\n", safe(&format!("{}{subject}", alert.rule)), safe(&alert.evidence))
}

/// CPU, memory and what measuring takes.
pub(crate) fn resources(process: &Process) -> String {
    let mut parts = Vec::new();
    if let Some(cores) = process.cpu_cores {
        let limit = process.cpu_limit_cores.map(|limit| format!(" of {}", digits(limit))).unwrap_or_default();
        parts.push(format!("CPU {}{limit} cores", digits(cores)));
    }
    if let Some(resident) = process.resident_bytes {
        let limit = process.memory_limit_bytes;
        let limit =
            limit.map(|limit| format!(" of {} ({})", bytes(limit), percent(resident / limit))).unwrap_or_default();
        parts.push(format!("memory {}{limit}", bytes(resident)));
    }
    parts.push(format!("{} functions", process.functions));
    parts.push(format!("profiler {}", bytes(process.profiler.memory_bytes as f64)));
    parts.join(", ")
}

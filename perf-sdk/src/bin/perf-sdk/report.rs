//! `report`: one HTML file for a ticket.

use clap::Args;
use perf_sdk::export::Report;

use crate::address::USUAL;
use crate::endpoint::Access;
use crate::failure::{Failure, Outcome, Status};
use crate::input::Input;
use crate::output::Target;

/// Write a report as one HTML file: what a program does, or what changed from A to B
#[derive(Args)]
#[command(after_help = "A running program, for a ticket:\n  \
                        perf-sdk report -o report.html\n\
                        What changed since a snapshot:\n  \
                        perf-sdk report before.json 127.0.0.1:9464 -o report.html\n\
                        Two bundles of evidence:\n  \
                        perf-sdk report a.tar.gz b.tar.gz -o report.html")]
pub(crate) struct Arguments {
    /// An endpoint, a file of a snapshot, or a bundle of evidence [default: 127.0.0.1:9464]
    #[arg(value_name = "A")]
    first: Option<String>,
    /// The same, later or of another version: the report says what changed from A to B
    #[arg(value_name = "B")]
    second: Option<String>,
    #[command(flatten)]
    access: Access,
    /// The file; - is stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
    /// The title
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// A change within this share is none
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "5%")]
    tolerance: f64,
    /// JSON instead of HTML, without flamegraphs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let target = Target::of(arguments.output.as_deref(), arguments.json)?;
    let first = Input::read(arguments.first.as_deref().unwrap_or(USUAL), &arguments.access)?;
    let second = arguments.second.as_deref().map(|text| Input::read(text, &arguments.access)).transpose()?;
    // With two of them, the first one is what was before.
    let (now, before) = match &second {
        Some(second) => (second, Some(&first)),
        None => (&first, None),
    };
    let report = report(now, before, arguments);
    let mut body = Vec::new();
    let written = if arguments.json { report.write_json(&mut body) } else { report.write_html(&mut body) };
    written.map_err(|error| Failure::new(format!("cannot make the report: {error}")))?;
    target.write(&body)?;
    if let Target::Path(_) = target {
        report.summary().iter().for_each(|sentence| eprintln!("{sentence}"));
        target.say_written(body.len());
    }
    Ok(Status::Well)
}

fn report<'a>(now: &'a Input, before: Option<&'a Input>, arguments: &Arguments) -> Report<'a> {
    let title = match (&arguments.title, before) {
        (Some(title), _) => title.clone(),
        (None, None) => format!("Report on {}", now.name),
        (None, Some(before)) => format!("{} against {}", now.name, before.name),
    };
    let mut report =
        Report::of(&now.snapshot).titled(&title).tolerance(arguments.tolerance).with_marks(now.marks.clone());
    if let Some(findings) = &now.findings {
        report = report.with_findings(findings);
    }
    if let Some(history) = &now.history {
        report = report.with_history(history);
    }
    if let Some(before) = before {
        report = report.against(&before.snapshot);
        if let Some(history) = &before.history {
            report = report.with_history_before(history);
        }
    }
    let is_same = before.is_some_and(|before| before.name == now.name);
    let [now_name, before_name] = match before {
        Some(before) if is_same => [format!("{} (B)", now.name), format!("{} (A)", before.name)],
        Some(before) => [now.name.clone(), before.name.clone()],
        None => [now.name.clone(), String::new()],
    };
    report = report.named(&now_name, &before_name);
    if let Some(samples) = &now.samples {
        let base = before.and_then(|before| before.samples.as_deref());
        report = report.with_flame_json("CPU samples", &against(samples, base));
    }
    let missing = now.missing.iter().chain(before.iter().flat_map(|before| &before.missing));
    missing.fold(report, |report, what| report.without(what))
}

/// A document of the viewer with the one that it is compared with. Of two bases, the last counts.
fn against(document: &str, base: Option<&str>) -> String {
    let document = document.trim();
    match (document.strip_suffix('}'), base) {
        (Some(open), Some(base)) => format!("{open},\"base\":{}}}", base.trim()),
        _ => document.to_owned(),
    }
}

/// For clap: `5%` or `0.05`.
fn share(text: &str) -> Result<f64, String> {
    let found = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok().map(|percent| percent / 100.0),
        None => text.parse::<f64>().ok(),
    };
    found
        .filter(|share| (0.0..=10.0).contains(share))
        .ok_or_else(|| "allowed: a share from 0 to 1000 %, such as 5%".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_a_share() {
        assert_eq!((share("5%"), share("0.1"), share("0%")), (Ok(0.05), Ok(0.1), Ok(0.0)));
        for text in ["", "%", "much", "-1%", "1e9", "NaN"] {
            assert!(share(text).unwrap_err().contains("5%"), "{text}");
        }
    }

    #[test]
    fn both_documents_are_one() {
        assert_eq!(against("{\"a\":1}\n", Some("{\"b\":2}\n")), "{\"a\":1,\"base\":{\"b\":2}}");
        assert_eq!(against("{\"a\":1}\n", None), "{\"a\":1}");
    }
}

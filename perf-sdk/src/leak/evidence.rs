//! The evidence for a verdict, as a sentence.

use std::fmt::Write as _;

use super::census::Place;
use super::rules::generations::Judgement;
use super::settings::LeakSettings;
use crate::base::units::{bytes, count, time};
use crate::snapshot::{LeakFinding, LeakSubject, Verdict};

/// The evidence for one place.
pub(super) fn of_place(finding: &LeakFinding, place: &Place, judged: &Judgement, rules: &LeakSettings) -> String {
    let age = time(f64::from(rules.old()[judged.grade]) * rules.window_ns as f64);
    let window = time(rules.window_ns as f64);
    let mut text = match place.watched {
        LeakSubject::Pool => {
            format!("{} objects have been out of the pool {:?} for more than {age}", judged.survivors, place.pool)
        }
        _ => format!(
            "{} ({} samples) of allocations of {} to {} are older than {age}",
            bytes(finding.retained_bytes as f64),
            judged.survivors,
            bytes(place.below_bytes as f64 / 2.0),
            bytes(place.below_bytes as f64),
        ),
    };
    let _ = write!(text, ", from {} windows of {window}", judged.generations);
    if judged.exposed > 0 {
        let _ = write!(
            text,
            "; of {} evaluations of one of these, {} found that it had ended",
            count(judged.exposed as f64),
            count(judged.died as f64),
        );
        if judged.most_deaths < 1.0 {
            let _ = write!(text, ", so at most 1 in {} ends in {window}", count((1.0 / judged.most_deaths).floor()));
        }
    }
    if place.watched == LeakSubject::Pool {
        return text;
    }
    let kept = judged.kept_share * 100.0;
    let _ = match judged.verdict {
        Verdict::Confirmed => write!(text, "; {kept:.1} % of what is allocated becomes that old"),
        Verdict::Bounded => write!(text, "; it is declared to be bounded, and is within its bound"),
        _ if judged.kept_share > 0.25 => {
            write!(
                text,
                "; {kept:.0} % of what is allocated becomes that old: a leak, or a cache that is still filling"
            )
        }
        _ => write!(text, "; it may still end within {}", time(rules.horizon_ns as f64)),
    };
    growth(&mut text, finding);
    text
}

/// The evidence for a subject of which only the number is known.
pub(super) fn of_count(finding: &LeakFinding, first: u64, windows: usize, rules: &LeakSettings) -> String {
    let what = match finding.watched {
        LeakSubject::FileDescriptors => "open file descriptors",
        LeakSubject::Threads => "threads",
        _ => "futures that have not ended",
    };
    format!(
        "{first} {what} became {} in {}, and their minimum rose from each tenth of that time to the next; {} more per hour",
        finding.objects,
        time(windows as f64 * rules.window_ns as f64),
        count(finding.objects_per_hour.round()),
    )
}

/// The evidence for retention, which is about the whole process.
pub(super) fn of_retention(finding: &LeakFinding, allocated: u64, windows: usize, rules: &LeakSettings) -> String {
    let mut text = format!(
        "resident memory grew over {} to {} while allocated memory did not ({})",
        time(windows as f64 * rules.window_ns as f64),
        bytes(finding.bytes as f64),
        bytes(allocated as f64),
    );
    growth(&mut text, finding);
    text
}

fn growth(text: &mut String, finding: &LeakFinding) {
    if finding.bytes_per_hour > 0.0 {
        let _ = write!(text, "; {} more per hour", bytes(finding.bytes_per_hour));
    }
    if let Some(seconds) = finding.seconds_to_limit {
        let _ = write!(text, ", the memory limit is reached in {}", time(seconds * 1e9));
    }
}

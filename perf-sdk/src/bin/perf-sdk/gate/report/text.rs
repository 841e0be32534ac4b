//! For a terminal.

use super::figures::{base, change, head, shown, title};
use crate::gate::verdict::{Report, Verdict};
use crate::paint::{Paint, safe};

pub(crate) fn text(report: &Report, paint: Paint) -> String {
    let verdict = |verdict: Verdict| match verdict {
        Verdict::Pass | Verdict::Improved => paint.green(verdict.name()),
        Verdict::Accepted | Verdict::Inconclusive => paint.yellow(verdict.name()),
        Verdict::Regression => paint.red(verdict.name()),
    };
    let mut text = format!("base {}\nhead {}\n", safe(&report.base), safe(&report.head));
    for tier in &report.tiers {
        text += &format!("\n{}", paint.bold(&title(tier)));
        if let Some(reason) = &tier.skipped {
            text += &format!(": skipped: {}\n", safe(reason));
            continue;
        }
        text += &format!(": {}\n", verdict(tier.verdict()));
        for comparison in shown(tier) {
            let note = if comparison.note.is_empty() { String::new() } else { format!("; {}", comparison.note) };
            text += &format!(
                "  {} {}, {}: {} {} → {}, {}{}\n",
                verdict(comparison.verdict),
                safe(&comparison.operation),
                safe(comparison.subject()),
                comparison.figure,
                base(comparison),
                head(comparison),
                change(comparison),
                safe(&note),
            );
        }
    }
    for drawing in &report.drawings {
        text += &format!("\n{}\n", paint.bold(&safe(&drawing.operation)));
        for line in &drawing.lines {
            let line = safe(line);
            text += &match line.as_bytes().first() {
                Some(b'+') => paint.red(&line),
                Some(b'-') => paint.green(&line),
                _ => line,
            };
            text.push('\n');
        }
    }
    text + &format!("\n{}\n", verdict(report.verdict))
}

//! For a comment on a change, or the summary of a job.

use super::figures::{base, change, head, shown, title};
use crate::gate::verdict::Report;

pub(crate) fn markdown(report: &Report) -> String {
    let mut text = format!(
        "## Performance: {}\n\nbase {}, head {}\n",
        report.verdict.name(),
        code(&report.base),
        code(&report.head)
    );
    for tier in &report.tiers {
        text += &format!("\n### {}: ", title(tier));
        if let Some(reason) = &tier.skipped {
            text += &format!("skipped\n\n{}\n", cell(reason));
            continue;
        }
        text += &format!("{}\n\n", tier.verdict().name());
        text += "| | operation | function | figure | base | head | change | |\n";
        text += "|---|---|---|---|--:|--:|--:|---|\n";
        for comparison in shown(tier) {
            let function = comparison.function.as_deref().map_or_else(String::new, code);
            text += &format!(
                "| {} | {} | {function} | {} | {} | {} | {} | {} |\n",
                comparison.verdict.name(),
                cell(&comparison.operation),
                comparison.figure,
                base(comparison),
                head(comparison),
                change(comparison),
                cell(&comparison.note)
            );
        }
    }
    for drawing in &report.drawings {
        // Longer than any fence in the lines.
        let fence = "`".repeat(longest_run(&drawing.lines.concat()).max(2) + 1);
        let lines = drawing.lines.iter().map(|line| line.replace(['\n', '\r'], " ") + "\n").collect::<String>();
        text += &format!("\n### {}\n\n{fence}diff\n{lines}{fence}\n", cell(&drawing.operation));
    }
    text
}

/// Text that is no Markdown, HTML, mention or cell's end.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for char in text.chars() {
        match char {
            '\n' | '\r' => cell.push(' '),
            '<' => cell += "&lt;",
            '&' => cell += "&amp;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '@' | '~' => cell.extend(['\\', char]),
            char => cell.push(char),
        }
    }
    cell
}

/// Code in a line, which may be in a table.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ").replace('|', "\\|");
    let fence = "`".repeat(longest_run(&text) + 1);
    // A space on both sides is left out by readers, and parts the fence from a backtick.
    if text.contains('`') { format!("{fence} {text} {fence}") } else { format!("{fence}{text}{fence}") }
}

/// The most backticks in a row.
fn longest_run(text: &str) -> usize {
    text.split(|char| char != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::verdict::{Comparison, Drawing, Tier, Verdict};

    #[test]
    fn names_cannot_break_the_page() {
        assert_eq!(code("a::b<T>"), "`a::b<T>`");
        assert_eq!(code("a``b|c\n"), "``` a``b\\|c  ```");
        assert_eq!(cell("<b> | @all\n_x_"), "&lt;b> \\| \\@all \\_x\\_");
    }

    #[test]
    fn a_report_has_a_table_for_each_tier_and_a_patch() {
        let comparison = Comparison {
            function: Some("a → b".to_owned()),
            ..Comparison::new("order", "allocations", Some(1.0), Some(2.0)).with(Verdict::Regression, "")
        };
        let counts = Tier { name: "counts", blocks: true, skipped: None, comparisons: vec![comparison] };
        let tiers = vec![counts, Tier::skipped("time", false, "not asked for")];
        let lines = vec!["- b: ```".to_owned(), "+ b".to_owned()];
        let drawings = vec![Drawing { operation: "order".to_owned(), lines }];
        let text = markdown(&Report::new("old".to_owned(), "new".to_owned(), tiers, drawings));
        for part in [
            "## Performance: regression\n",
            "| regression | order | `a → b` | allocations | 1 | 2 | +100.00 % |  |\n",
            "### time, advisory: skipped\n\nnot asked for\n",
            "\n````diff\n- b: ```\n+ b\n````\n",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}

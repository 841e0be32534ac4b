//! Targets as a table of text.

use std::io::{self, Write};

use super::judgement::{Judgement, TargetState};

const HEADS: [&str; 4] = ["metric", "current", "target", "status"];

impl Judgement {
    /// Writes a table: metric, current value, target and status, with the reason behind the status.
    /// Writes nothing if there are no targets.
    ///
    /// # Errors
    /// Any error of the writer.
    pub fn write_table(&self, to: &mut impl Write) -> io::Result<()> {
        if self.targets.is_empty() {
            return Ok(());
        }
        let rows: Vec<[String; 4]> = self.targets.iter().map(cells).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].as_str()).chain([HEADS[column]]);
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths = [width(0), width(1), width(2)];
        let mut line = |cells: [&str; 4]| {
            let [metric, current, target, status] = cells;
            let [a, b, c] = widths;
            writeln!(to, "{metric:a$}  {current:>b$}  {target:c$}  {status}")
        };
        line(HEADS)?;
        rows.iter().try_for_each(|row| line(row.each_ref().map(String::as_str)))
    }
}

fn cells(state: &TargetState) -> [String; 4] {
    // The limits of an expression have a column of their own.
    let metric = if state.is_named { &state.name } else { &state.metric };
    let current = if state.current.is_some() { &state.shown } else { "–" };
    let status = match state.reason.as_str() {
        "" => state.status.to_string(),
        reason => format!("{}: {reason}", state.status),
    };
    [metric.clone(), current.to_owned(), state.target.clone(), status]
}

//! A table: texts on the left, numbers on the right. On a terminal its lines are as long as this is
//! wide: long texts lose their middle, and where that is not enough, the widest numbers are left
//! out. Elsewhere texts are whole.

use crate::paint::{Paint, safe};

/// Characters of a text that are left on the narrowest terminal.
const LEAST: usize = 28;
/// Columns of numbers that are left.
const LEAST_NUMBERS: usize = 3;
/// Between two columns.
const GAP: usize = 2;

/// Rows of cells under a head.
pub(crate) struct Grid {
    head: Vec<&'static str>,
    /// Columns that are texts.
    texts: usize,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// The first `texts` columns are texts, the others numbers.
    pub(crate) fn new(head: &[&'static str], texts: usize) -> Self {
        Self { head: head.to_vec(), texts, rows: Vec::new() }
    }

    /// What is missing is a dash.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Option<String>>) {
        let cell = |cell: Option<String>| cell.map_or_else(|| "–".to_owned(), |cell| safe(&cell));
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    pub(crate) fn shown(&self, paint: Paint) -> String {
        let length = |text: &str| text.chars().count();
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| length(cell));
            cells.chain([length(self.head[at])]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        // A column in which nothing is known is left out.
        let is_shown = |at: &usize| {
            self.rows.is_empty() || self.rows.iter().any(|row| row.get(*at).is_some_and(|cell| cell != "–"))
        };
        let mut columns: Vec<usize> = (0..self.head.len()).filter(is_shown).collect();
        if let Some(most) = paint.width() {
            self.narrow(&mut columns, &mut widths, most);
        }
        let line = |cells: &dyn Fn(usize) -> String| {
            let padded = columns.iter().map(|at| {
                let (cell, width) = (shortened(&cells(*at), widths[*at]), widths[*at]);
                let space = " ".repeat(width.saturating_sub(length(&cell)));
                if *at < self.texts { format!("{cell}{space}") } else { format!("{space}{cell}") }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut shown = paint.dim(&line(&|at| self.head[at].to_owned())) + "\n";
        for row in &self.rows {
            shown += &line(&|at| row.get(at).cloned().unwrap_or_default());
            shown.push('\n');
        }
        shown
    }

    /// Takes from the widest texts what is too much, then the widest numbers.
    fn narrow(&self, columns: &mut Vec<usize>, widths: &mut [usize], most: usize) {
        while columns.iter().map(|at| widths[*at] + GAP).sum::<usize>() > most + GAP {
            let widest = |are_texts: bool| {
                let of_kind = columns.iter().copied().filter(|at| (*at < self.texts) == are_texts);
                of_kind.max_by_key(|at| widths[*at])
            };
            let numbers = columns.iter().filter(|at| **at >= self.texts).count();
            match (widest(true), widest(false)) {
                (Some(text), _) if widths[text] > LEAST => widths[text] -= 1,
                (_, Some(number)) if numbers > LEAST_NUMBERS => columns.retain(|at| *at != number),
                _ => return,
            }
        }
    }
}

/// A text with an ellipsis in its middle if it is longer: both ends tell names apart.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let (begin, end) = (kept - kept / 2, kept / 2);
    text.chars().take(begin).chain(['…']).chain(text.chars().skip(length - end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_left_and_numbers_right() {
        let mut grid = Grid::new(&["name", "calls", "errors"], 1);
        grid.row([Some("é".to_owned()), Some("7".to_owned()), None]);
        grid.row([Some("search\n".to_owned()), Some("12345".to_owned()), None]);
        assert_eq!(grid.shown(Paint::off()), "name     calls\né            7\nsearch   12345\n");
        assert_eq!((shortened("abcdef", 4), shortened("äbcdef", 5)), ("ab…f".to_owned(), "äb…ef".to_owned()));
    }

    #[test]
    fn texts_are_whole_in_a_pipe_and_fit_a_terminal() {
        let mut grid = Grid::new(&["name", "module", "calls"], 2);
        grid.row([Some("n".repeat(90)), Some("m".repeat(20)), Some("12345".to_owned())]);
        let lengths = |paint: Paint| {
            let lines: Vec<usize> = grid.shown(paint).lines().map(|line| line.chars().count()).collect();
            lines[1]
        };
        assert_eq!([Paint::off(), Paint::of_width(80), Paint::of_width(20)].map(lengths), [119, 80, 28 + 20 + 9]);
        let mut grid = Grid::new(&["name", "a", "b", "interval", "c"], 1);
        grid.row(["n".repeat(40), "1".into(), "2".into(), "1000 to 2000".into(), "3".into()].map(Some));
        let shown = grid.shown(Paint::of_width(45));
        assert!(!shown.contains("interval") && shown.lines().all(|line| line.chars().count() <= 45), "{shown}");
        assert!(grid.shown(Paint::of_width(60)).contains("1000 to 2000"));
    }
}

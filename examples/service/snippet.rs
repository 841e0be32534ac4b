//! The lines of an item that show why it matches.

use std::collections::HashSet;

use serde::Serialize;

use crate::tokenize;

/// The maximum length of a line in bytes. Longer lines are cut.
const MAX_LINE: usize = 160;

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    pub(crate) number: u32,
    pub(crate) text: String,
}

/// The `limit` lines of `text` that contain most of `words`, in their order. `first` is the number
/// of the first line.
#[perf_sdk::profiled]
pub(crate) fn snippet(text: &str, first: u32, words: &[String], limit: usize) -> Vec<Line> {
    let mut best: Vec<(usize, u32, &str)> = Vec::new();
    let mut seen = HashSet::new();
    for (line, number) in text.lines().zip(first..) {
        seen.clear();
        tokenize::words(line, |word| {
            if let Some(place) = words.iter().position(|wanted| wanted == word) {
                seen.insert(place);
            }
        });
        if !seen.is_empty() {
            best.push((seen.len(), number, line));
        }
    }
    best.sort_by_key(|(found, number, _)| (usize::MAX - found, *number));
    best.truncate(limit);
    best.sort_unstable_by_key(|(_, number, _)| *number);
    best.into_iter().map(|(_, number, line)| Line { number, text: cut(line.trim_end()).to_owned() }).collect()
}

fn cut(line: &str) -> &str {
    let mut end = line.len().min(MAX_LINE);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_with_most_words_are_shown_in_order() {
        let text = "/// Reads a file.\nfn read(path: &Path) {\n    let file = open(path);\n    read_file(file)\n}";
        let words = ["file".to_owned(), "read".to_owned()];
        let numbers = |limit| -> Vec<u32> { snippet(text, 10, &words, limit).iter().map(|line| line.number).collect() };
        assert_eq!(numbers(1), [13]);
        assert_eq!(numbers(2), [10, 13], "the first of equals");
        assert_eq!(numbers(9), [10, 11, 12, 13]);
    }

    #[test]
    fn a_line_is_cut_between_characters() {
        let line = snippet(&format!("word {}", "é".repeat(200)), 1, &["word".into()], 1).remove(0);
        assert_eq!(line.text.len(), MAX_LINE - 1);
    }
}

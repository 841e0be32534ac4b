//! Checks the width of prose: comments, and the documents.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{LineColumn, TokenStream, TokenTree};

const WIDTH: usize = 100;

/// Folders whose sources are checked.
const SOURCES: &[&str] = &["perf-sdk/src", "perf-macros/src", "examples", "tests"];

/// Documents that are checked, and folders of documents.
const DOCUMENTS: &[&str] = &["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// All files with this extension in a folder, except build output; or the file itself.
fn files(path: &Path, extension: &str) -> Vec<PathBuf> {
    if path.is_file() {
        return if path.extension().is_some_and(|end| end == extension) { vec![path.to_owned()] } else { Vec::new() };
    }
    if path.ends_with("target") {
        return Vec::new();
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries.iter().flat_map(|entry| files(entry, extension)).collect()
}

/// The spans of all string literals. A doc comment is a literal too, but is not written as one.
fn strings(tokens: TokenStream, lines: &[&str], found: &mut Vec<(LineColumn, LineColumn)>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => strings(group.stream(), lines, found),
            TokenTree::Literal(literal) => {
                let (start, end) = (literal.span().start(), literal.span().end());
                if lines[start.line - 1].chars().nth(start.column) != Some('/') {
                    found.push((start, end));
                }
            }
            _ => {}
        }
    }
}

/// The column of the comment in each line that has one.
fn comments(text: &str, lines: &[&str]) -> Vec<Option<usize>> {
    let tokens: TokenStream = text.parse().expect("Rust");
    let mut found = Vec::new();
    strings(tokens, lines, &mut found);
    let is_in_string = |line: usize, column: usize| {
        let at = LineColumn { line, column };
        found.iter().any(|(start, end)| *start <= at && at < *end)
    };
    let comment = |(at, line): (usize, &&str)| {
        let chars: Vec<char> = line.chars().collect();
        (0..chars.len()).find(|column| chars[*column..].starts_with(&['/', '/']) && !is_in_string(at + 1, *column))
    };
    lines.iter().enumerate().map(comment).collect()
}

/// The numbers of the lines of prose that are too long. Code blocks, tables and URLs have any
/// width. A line without prose is `None`.
fn too_long<'a>(lines: impl Iterator<Item = Option<(&'a str, usize)>>) -> Vec<usize> {
    let (mut is_code, mut found) = (false, Vec::new());
    for (line, number) in lines.zip(1..) {
        let Some((prose, width)) = line else {
            is_code = false;
            continue;
        };
        if prose.starts_with("```") {
            is_code = !is_code;
        } else if !is_code && !prose.starts_with('|') && !prose.contains("://") && width > WIDTH {
            found.push(number);
        }
    }
    found
}

fn in_source(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let comments = comments(text, &lines);
    too_long(lines.iter().zip(comments).map(|(line, column)| {
        let comment: String = line.chars().skip(column?).collect();
        let prose = comment.len() - comment.trim_start_matches(['/', '!', ' ']).len();
        let start = line.len() - comment.len() + prose;
        Some((&line[start..], line.chars().count()))
    }))
}

fn in_document(text: &str) -> Vec<usize> {
    too_long(text.lines().map(|line| Some((line.trim_start(), line.chars().count()))))
}

/// The long lines in all files with this extension, each as its file and number.
fn faults(places: &[&str], extension: &str, check: fn(&str) -> Vec<usize>) -> Vec<String> {
    let root = root();
    let mut faults = Vec::new();
    for file in places.iter().flat_map(|place| files(&root.join(place), extension)) {
        let name = file.strip_prefix(&root).expect("below it");
        let lines = check(&fs::read_to_string(&file).expect("a text"));
        faults.extend(lines.iter().map(|line| format!("{}:{line}", name.display())));
    }
    faults
}

#[test]
fn lines_of_prose_have_at_most_100_columns() {
    let faults = [faults(SOURCES, "rs", in_source), faults(DOCUMENTS, "md", in_document)].concat();
    assert!(faults.is_empty(), "lines of prose with more than {WIDTH} columns:\n{}", faults.join("\n"));
}

#[test]
fn long_lines_are_found_in_comments_and_not_in_strings_code_and_tables() {
    let long = "word ".repeat(25);
    let source = |line: &str| in_source(&format!("fn f() {{\n{line}\n}}\n"));
    for line in [format!("// {long}"), format!("/// {long}\nlet a = 1;"), format!("let a = \"//\"; // {long}")] {
        assert_eq!(source(&line), [2], "{line}");
    }
    let code = format!("/// ```\n/// {long}\n/// ```\nlet a = 1;");
    for line in [format!("// {}", &long[..90]), format!("let a = \"{long} // b\";"), format!("// | {long} |"), code] {
        assert_eq!(source(&line), [0; 0], "{line}");
    }
    assert_eq!(in_source(&format!("//! ```\n//! {long}\n\n// {long}")), [4]);
    assert_eq!(in_document(&format!("{long}\n| {long} |\n```sh\n{long}\n```\n<https://{long}>\n{long}\n")), [1, 7]);
}

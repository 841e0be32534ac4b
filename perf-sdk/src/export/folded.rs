//! Folded stacks: `outer;inner weight`, one a line, sorted.

use std::io::{self, Write};

use super::Weight;
use super::stacks::{self, full_name};
use crate::snapshot::Snapshot;

/// Writes one line a stack; with `function` only its subtrees. Weights are nanoseconds, bytes or counts.
///
/// # Errors
/// Those of the writer.
pub fn write(snapshot: &Snapshot, weight: Weight, function: Option<&str>, to: &mut impl Write) -> io::Result<()> {
    lines(snapshot, weight, function).iter().try_for_each(|line| writeln!(to, "{line}"))
}

pub(super) fn lines(snapshot: &Snapshot, weight: Weight, function: Option<&str>) -> Vec<String> {
    let mut lines: Vec<String> = stacks::of(snapshot, weight, function)
        .iter()
        .map(|stack| {
            let frames: Vec<String> = stack.path.iter().map(|index| frame(snapshot, *index)).collect();
            format!("{} {}", frames.join(";"), stack.weight)
        })
        .collect();
    lines.sort_unstable();
    lines
}

/// A frame's text: the format knows no quoting.
fn frame(snapshot: &Snapshot, index: u32) -> String {
    let name = snapshot.functions.get(index as usize).map(full_name).unwrap_or_default();
    name.replace(';', ":").replace(['\n', '\r'], " ")
}

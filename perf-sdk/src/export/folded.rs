//! Folded stacks: `outer;inner weight`, one a line, sorted.

use std::io::{self, Write};

use super::Weight;
use super::drawing::Drawing;
#[cfg(feature = "stacks")]
use crate::snapshot::CpuProfile;
use crate::snapshot::Snapshot;

/// Writes one line a stack; with `function` only its subtrees. Weights are nanoseconds, bytes or counts.
///
/// # Errors
/// Those of the writer.
pub fn write(snapshot: &Snapshot, weight: Weight, function: Option<&str>, to: &mut impl Write) -> io::Result<()> {
    draw(&Drawing::of_calls(snapshot, weight, function), to)
}

/// Writes one line a sampled stack, weights in nanoseconds of CPU time; with `function` only those within that profiled function.
///
/// # Errors
/// Those of the writer.
#[cfg(feature = "stacks")]
pub fn write_cpu(profile: &CpuProfile, function: Option<&str>, to: &mut impl Write) -> io::Result<()> {
    draw(&Drawing::of_samples(profile, function), to)
}

fn draw(drawing: &Drawing, to: &mut impl Write) -> io::Result<()> {
    drawing.lines().iter().try_for_each(|line| writeln!(to, "{line}"))
}

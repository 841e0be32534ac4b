//! Folded stacks: one line `outer;inner weight` for each stack, sorted.

use std::io::{self, Write};

#[cfg(feature = "stacks")]
use super::WallWeight;
use super::Weight;
use super::drawing::Drawing;
use crate::snapshot::Snapshot;
#[cfg(feature = "stacks")]
use crate::snapshot::{CpuProfile, WallProfile};

/// Writes one line for each stack; with `function`, only its subtrees. Weights are nanoseconds,
/// bytes or counts.
///
/// # Errors
/// Any error of the writer.
pub fn write(snapshot: &Snapshot, weight: Weight, function: Option<&str>, to: &mut impl Write) -> io::Result<()> {
    draw(&Drawing::of_calls(snapshot, weight, function), to)
}

/// Writes one line for each sampled stack, with weights in nanoseconds of CPU time; with
/// `function`, only stacks within that profiled function.
///
/// # Errors
/// Any error of the writer.
#[cfg(feature = "stacks")]
pub fn write_cpu(profile: &CpuProfile, function: Option<&str>, to: &mut impl Write) -> io::Result<()> {
    draw(&Drawing::of_samples(profile, function), to)
}

/// Writes one line for each sampled stack of wall time, with weights in nanoseconds; with
/// `function`, only stacks within that profiled function.
///
/// # Errors
/// Any error of the writer.
#[cfg(feature = "stacks")]
pub fn write_wall(
    profile: &WallProfile,
    weight: WallWeight,
    function: Option<&str>,
    to: &mut impl Write,
) -> io::Result<()> {
    draw(&Drawing::of_wall(profile, weight, function), to)
}

fn draw(drawing: &Drawing, to: &mut impl Write) -> io::Result<()> {
    drawing.lines().iter().try_for_each(|line| writeln!(to, "{line}"))
}

//! Flamegraphs as SVG, drawn by inferno.

use std::io::{self, Write};

use inferno::flamegraph::{self, Direction, Options};

#[cfg(feature = "stacks")]
use super::WallWeight;
use super::Weight;
use super::drawing::{Drawing, Unit};
use crate::export::safe;
use crate::snapshot::Snapshot;
#[cfg(feature = "stacks")]
use crate::snapshot::{CpuProfile, WallProfile};

/// Writes an interactive SVG; with `function`, only its subtrees.
///
/// # Errors
/// Any error of the writer; [`io::ErrorKind::NotFound`] if nothing has this weight.
pub fn write(snapshot: &Snapshot, weight: Weight, function: Option<&str>, to: &mut impl Write) -> io::Result<()> {
    draw(&Drawing::of_calls(snapshot, weight, function), to)
}

/// Writes an interactive SVG of CPU time by sampled stacks; with `function`, only those within that
/// profiled function.
///
/// # Errors
/// Any error of the writer; [`io::ErrorKind::NotFound`] if there is no sample.
#[cfg(feature = "stacks")]
pub fn write_cpu(profile: &CpuProfile, function: Option<&str>, to: &mut impl Write) -> io::Result<()> {
    draw(&Drawing::of_samples(profile, function), to)
}

/// Writes an interactive SVG of wall time by sampled stacks; with `function`, only those within
/// that profiled function.
///
/// # Errors
/// Any error of the writer; [`io::ErrorKind::NotFound`] if there is no sample.
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
    let lines = drawing.lines();
    if lines.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, drawing.empty.clone()));
    }
    let (unit, factor) = match drawing.unit {
        Unit::Nanoseconds => ("µs", 1e-3),
        Unit::Bytes => ("bytes", 1.0),
        Unit::Allocations => ("allocations", 1.0),
        Unit::Calls => ("calls", 1.0),
    };
    let mut options = Options::default();
    options.title = safe::line(&drawing.title).into_owned();
    options.subtitle = Some(safe::line(&drawing.subtitle).into_owned());
    unit.clone_into(&mut options.count_name);
    "Function:".clone_into(&mut options.name_type);
    options.factor = factor;
    // Stacks are tall: with the outermost frames at the top, these are visible without scrolling.
    options.direction = Direction::Inverted;
    // A function has the same colour in every flamegraph.
    options.hash = true;
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), to)
}

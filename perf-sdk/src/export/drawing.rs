//! Stacks with weights: what all flamegraph formats are made of.

use super::Weight;
use super::stacks::{self, full_name};
#[cfg(feature = "stacks")]
use crate::snapshot::CpuProfile;
use crate::snapshot::Snapshot;
use crate::units::time;

/// What a stack's number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Nanoseconds,
    Bytes,
    Allocations,
    Calls,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub(super) name: String,
    pub(super) file: String,
    /// 0: not known.
    pub(super) line: u32,
}

/// One path of frames from the outermost to the innermost, and the innermost one's own weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stack {
    /// Indices of frames.
    pub(super) path: Vec<u32>,
    pub(super) weight: u64,
}

/// What is drawn.
#[cfg_attr(not(feature = "svg"), allow(dead_code))]
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    /// The weight's name.
    pub(super) weight: String,
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) unit: Unit,
    pub(super) frames: Vec<Frame>,
    pub(super) stacks: Vec<Stack>,
    /// Why there is nothing, if there is nothing.
    pub(super) empty: String,
}

impl Drawing {
    /// The call tree; with `function` only its subtrees.
    pub(super) fn of_calls(snapshot: &Snapshot, weight: Weight, function: Option<&str>) -> Self {
        let unit = match weight {
            Weight::Wall | Weight::Cpu | Weight::OffCpu => Unit::Nanoseconds,
            Weight::Bytes | Weight::Live | Weight::RetainedOld | Weight::LiveGrowth => Unit::Bytes,
            Weight::Allocations | Weight::LiveObjects => Unit::Allocations,
            Weight::Calls => Unit::Calls,
        };
        let subtitle = match weight {
            Weight::Live | Weight::LiveObjects => "held now".to_owned(),
            Weight::RetainedOld => {
                format!("held now for longer than {}", time(snapshot.heap.map_or(0, |heap| heap.old_ns) as f64))
            }
            _ => format!("over {:.1} s", snapshot.window_ns as f64 / 1e9),
        };
        let frames = snapshot.functions.iter();
        Self {
            weight: weight.name().to_owned(),
            title: match function {
                Some(function) => format!("{weight} of {function}"),
                None => format!("{weight} of all profiled functions"),
            },
            subtitle,
            unit,
            frames: frames.map(|f| Frame { name: full_name(f), file: f.file.clone(), line: f.line }).collect(),
            stacks: stacks::of(snapshot, weight, function),
            empty: format!("no profiled call has any {weight} weight yet"),
        }
    }

    /// Sampled stacks; with `function` only those within that profiled function.
    #[cfg(feature = "stacks")]
    pub(super) fn of_samples(profile: &CpuProfile, function: Option<&str>) -> Self {
        let mut numbers = std::collections::HashMap::new();
        let mut frames = Vec::new();
        // An address may be several frames; outermost first.
        let of_address: Vec<Vec<u32>> = profile
            .code
            .addresses
            .iter()
            .map(|address| {
                let mut lines: Vec<(String, String)> =
                    address.lines.iter().rev().map(|line| (line.function.clone(), line.file.clone())).collect();
                if lines.is_empty() {
                    lines.push((profile.code.place(address), String::new()));
                }
                let number = |(name, file): (String, String)| {
                    *numbers.entry((name, file)).or_insert_with_key(|(name, file)| {
                        frames.push(Frame { name: name.clone(), file: file.clone(), line: 0 });
                        frames.len() as u32 - 1
                    })
                };
                lines.into_iter().map(number).collect()
            })
            .collect();
        let is_in = |scope: &crate::snapshot::Frame| {
            function.is_none_or(|name| scope.name == name || scope.full_name() == name)
        };
        let wanted = profile.stacks.iter().filter(|stack| function.is_none() || stack.scope.iter().any(is_in));
        let stacks = wanted.map(|stack| Stack {
            path: stack
                .addresses
                .iter()
                .rev()
                .filter_map(|address| of_address.get(*address as usize))
                .flatten()
                .copied()
                .collect(),
            weight: stack.cpu_ns,
        });
        let stacks = stacks.filter(|stack| !stack.path.is_empty() && stack.weight > 0).collect();
        Self {
            weight: "cpu_samples".to_owned(),
            title: match function {
                Some(function) => format!("CPU time within {function}"),
                None => "CPU time of all threads".to_owned(),
            },
            subtitle: format!(
                "{} samples over {:.1} s, {:.0} % of the process's CPU time",
                profile.samples,
                profile.window_ns as f64 / 1e9,
                profile.coverage() * 100.0
            ),
            unit: Unit::Nanoseconds,
            frames,
            stacks,
            empty: "no sample was taken yet".to_owned(),
        }
    }

    /// `outer;inner weight`, sorted.
    pub(super) fn lines(&self) -> Vec<String> {
        // The format knows no quoting.
        let names: Vec<String> =
            self.frames.iter().map(|frame| frame.name.replace(';', ":").replace(['\n', '\r'], " ")).collect();
        let mut lines: Vec<String> = self
            .stacks
            .iter()
            .map(|stack| {
                let path: Vec<&str> =
                    stack.path.iter().map(|frame| names.get(*frame as usize).map_or("", String::as_str)).collect();
                format!("{} {}", path.join(";"), stack.weight)
            })
            .collect();
        lines.sort_unstable();
        lines
    }
}

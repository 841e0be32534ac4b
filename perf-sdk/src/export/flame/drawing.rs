//! Stacks with weights: the common model of all flamegraph formats.

#[cfg(feature = "stacks")]
use super::WallWeight;
use super::Weight;
use super::stacks::{self, Stack};
use crate::base::units::time;
use crate::export::safe;
use crate::snapshot::Snapshot;
#[cfg(feature = "stacks")]
use crate::snapshot::{Code, CpuProfile, SampledStack, WallProfile};

/// The unit of a stack's weight.
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
    /// 0 if unknown.
    pub(super) line: u32,
}

/// What a flamegraph shows: its title, its stacks with their weights, and its texts.
#[cfg_attr(not(feature = "svg"), allow(dead_code))]
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    /// The name of the weight.
    pub(super) weight: String,
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) unit: Unit,
    pub(super) frames: Vec<Frame>,
    pub(super) stacks: Vec<Stack>,
    /// The message if there are no stacks.
    pub(super) empty: String,
}

impl Drawing {
    /// Draws the call tree; with `function`, only its subtrees.
    pub(super) fn of_calls(snapshot: &Snapshot, weight: Weight, function: Option<&str>) -> Self {
        let unit = match weight {
            Weight::Wall | Weight::Cpu | Weight::OffCpu => Unit::Nanoseconds,
            Weight::Bytes | Weight::Live | Weight::RetainedOld | Weight::LiveGrowth => Unit::Bytes,
            Weight::Allocations | Weight::LiveObjects => Unit::Allocations,
            Weight::Calls => Unit::Calls,
        };
        let subtitle = match weight {
            Weight::Live | Weight::LiveObjects => "live now".to_owned(),
            Weight::RetainedOld => {
                format!("live for longer than {}", time(snapshot.heap.map_or(0, |heap| heap.old_ns) as f64))
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
            frames: frames.map(|f| Frame { name: f.full_name(), file: f.file.clone(), line: f.line }).collect(),
            stacks: stacks::of(snapshot, weight, function),
            empty: format!("no profiled call has any {weight} weight yet"),
        }
    }

    /// Draws sampled CPU time; with `function`, only the part within that profiled function.
    #[cfg(feature = "stacks")]
    pub(super) fn of_samples(profile: &CpuProfile, function: Option<&str>) -> Self {
        let rows = profile.stacks.iter().map(|stack| (&*stack.scope, &*stack.addresses, stack.time_ns));
        let seconds = profile.window_ns as f64 / 1e9;
        let coverage = profile.coverage() * 100.0;
        Self {
            weight: "cpu_samples".to_owned(),
            title: title("CPU time", function),
            subtitle: format!(
                "{} samples over {seconds:.1} s, {coverage:.0} % of the process's CPU time",
                profile.samples
            ),
            ..Self::of_rows(&profile.code, rows, function)
        }
    }

    /// Draws sampled wall time or off-CPU time; with `function`, only the part within that profiled
    /// function.
    #[cfg(feature = "stacks")]
    pub(super) fn of_wall(profile: &WallProfile, weight: WallWeight, function: Option<&str>) -> Self {
        let weigh = |stack: &SampledStack| match weight {
            WallWeight::Wall => stack.time_ns,
            WallWeight::OffCpu => stack.off_cpu_ns,
        };
        let rows = profile.stacks.iter().map(|stack| (&*stack.scope, &*stack.addresses, weigh(stack)));
        let what = match weight {
            WallWeight::Wall => "Wall time",
            WallWeight::OffCpu => "Off-CPU time",
        };
        let seconds = profile.window_ns as f64 / 1e9;
        Self {
            weight: weight.name().to_owned(),
            title: title(what, function),
            subtitle: format!("{} samples of {} threads over {seconds:.1} s", profile.samples, profile.threads),
            ..Self::of_rows(&profile.code, rows, function)
        }
    }

    /// Draws stacks with weights in nanoseconds, with the frames of each address.
    #[cfg(feature = "stacks")]
    fn of_rows<'a>(
        code: &Code,
        rows: impl Iterator<Item = (&'a [crate::snapshot::Frame], &'a [u32], u64)>,
        function: Option<&str>,
    ) -> Self {
        let mut numbers = std::collections::HashMap::new();
        let mut frames = Vec::new();
        // An address may stand for several frames, because of inlining. Outermost first.
        let of_address: Vec<Vec<u32>> = code
            .addresses
            .iter()
            .map(|address| {
                let mut lines: Vec<(String, String)> =
                    address.lines.iter().rev().map(|line| (line.function.clone(), line.file.clone())).collect();
                if lines.is_empty() {
                    lines.push((code.place(address), String::new()));
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
        let wanted = rows.filter(|(scope, _, _)| function.is_none() || scope.iter().any(is_in));
        let path = |addresses: &[u32]| -> Vec<u32> {
            let frames = addresses.iter().rev().filter_map(|address| of_address.get(*address as usize));
            frames.flatten().copied().collect()
        };
        let stacks = wanted.map(|(_, addresses, weight)| Stack { path: path(addresses), weight });
        Self {
            weight: String::new(),
            title: String::new(),
            subtitle: String::new(),
            unit: Unit::Nanoseconds,
            stacks: stacks.filter(|stack| !stack.path.is_empty() && stack.weight > 0).collect(),
            frames,
            empty: "no sample was taken yet".to_owned(),
        }
    }

    /// Lines of the form `outer;inner weight`, sorted.
    pub(super) fn lines(&self) -> Vec<String> {
        // The format has no quoting.
        let names: Vec<String> = self.frames.iter().map(|frame| safe::frame(&frame.name)).collect();
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

#[cfg(feature = "stacks")]
fn title(what: &str, function: Option<&str>) -> String {
    match function {
        Some(function) => format!("{what} within {function}"),
        None => format!("{what} of all threads"),
    }
}

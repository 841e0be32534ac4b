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
        let rows = profile.stacks.iter().map(|stack| (stack, stack.time_ns));
        let (drawing, samples) = Self::of_rows(&profile.code, rows, function);
        let (all, seconds) = (profile.samples, profile.window_ns as f64 / 1e9);
        let coverage = profile.coverage() * 100.0;
        let subtitle = match function {
            Some(_) => format!("{samples} of {all} samples over {seconds:.1} s"),
            None => format!("{all} samples over {seconds:.1} s, {coverage:.0} % of the process's CPU time"),
        };
        Self { weight: "cpu_samples".to_owned(), title: title("CPU time", function), subtitle, ..drawing }
    }

    /// Draws sampled wall time or off-CPU time; with `function`, only the part within that profiled
    /// function.
    #[cfg(feature = "stacks")]
    pub(super) fn of_wall(profile: &WallProfile, weight: WallWeight, function: Option<&str>) -> Self {
        let weigh = |stack: &SampledStack| match weight {
            WallWeight::Wall => stack.time_ns,
            WallWeight::OffCpu => stack.off_cpu_ns,
        };
        let rows = profile.stacks.iter().map(|stack| (stack, weigh(stack)));
        let what = match weight {
            WallWeight::Wall => "Wall time",
            WallWeight::OffCpu => "Off-CPU time",
        };
        let (drawing, samples) = Self::of_rows(&profile.code, rows, function);
        let (all, seconds) = (profile.samples, profile.window_ns as f64 / 1e9);
        let shown = function.map_or_else(|| all.to_string(), |_| format!("{samples} of {all}"));
        let subtitle = format!("{shown} samples of {} threads over {seconds:.1} s", profile.threads);
        Self { weight: weight.name().to_owned(), title: title(what, function), subtitle, ..drawing }
    }

    /// Draws stacks with weights in nanoseconds, with the frames of each address, and counts their
    /// samples.
    #[cfg(feature = "stacks")]
    fn of_rows<'a>(
        code: &Code,
        rows: impl Iterator<Item = (&'a SampledStack, u64)>,
        function: Option<&str>,
    ) -> (Self, u64) {
        let (frames, of_address) = frames_of(code);
        let is_in = |scope: &crate::snapshot::Frame| {
            function.is_none_or(|name| scope.name == name || scope.full_name() == name)
        };
        let wanted = rows.filter(|(stack, _)| function.is_none() || stack.scope.iter().any(is_in));
        let mut samples = 0;
        let mut stacks = Vec::new();
        for (stack, weight) in wanted {
            let path = path_of(&stack.addresses, &of_address);
            if !path.is_empty() && weight > 0 {
                samples += stack.samples;
                stacks.push(Stack { path, weight });
            }
        }
        let drawing = Self {
            weight: String::new(),
            title: String::new(),
            subtitle: String::new(),
            unit: Unit::Nanoseconds,
            stacks,
            frames,
            empty: "no sample was taken yet".to_owned(),
        };
        (drawing, samples)
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

/// The frames of all code, and the numbers of those of each address, outermost first: an address
/// may stand for several, because of inlining.
#[cfg(feature = "stacks")]
pub(super) fn frames_of(code: &Code) -> (Vec<Frame>, Vec<Vec<u32>>) {
    let mut numbers = std::collections::HashMap::new();
    let mut frames = Vec::new();
    let of_address = code.addresses.iter().map(|address| {
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
    });
    let of_address = of_address.collect();
    (frames, of_address)
}

/// The frames of a stack whose addresses are innermost first: outermost first.
#[cfg(feature = "stacks")]
pub(super) fn path_of(addresses: &[u32], of_address: &[Vec<u32>]) -> Vec<u32> {
    addresses.iter().rev().filter_map(|address| of_address.get(*address as usize)).flatten().copied().collect()
}

#[cfg(feature = "stacks")]
fn title(what: &str, function: Option<&str>) -> String {
    match function {
        Some(function) => format!("{what} within {function}"),
        None => format!("{what} of all threads"),
    }
}

#[cfg(all(test, feature = "stacks"))]
mod tests {
    use super::*;
    use crate::snapshot::{self, Address};

    #[test]
    fn a_part_has_the_number_of_its_own_samples() {
        let frame = |name: &str| snapshot::Frame { name: name.to_owned(), ..snapshot::Frame::default() };
        let stack = |scope: &str, samples: u64| SampledStack {
            scope: vec![frame(scope)],
            addresses: vec![0],
            samples,
            time_ns: samples * 1_000,
            off_cpu_ns: if scope == "index" { samples * 1_000 } else { 0 },
            ..SampledStack::default()
        };
        let stacks = vec![stack("search", 30), stack("index", 12)];
        let code = Code { addresses: vec![Address::default()], ..Code::default() };
        let cpu = CpuProfile { samples: 42, window_ns: 2_000_000_000, stacks, code, ..CpuProfile::default() };
        assert!(Drawing::of_samples(&cpu, None).subtitle.starts_with("42 samples over 2.0 s, "));
        assert_eq!(Drawing::of_samples(&cpu, Some("search")).subtitle, "30 of 42 samples over 2.0 s");
        let CpuProfile { samples, window_ns, stacks, code, .. } = cpu;
        let wall = WallProfile { samples, window_ns, stacks, code, threads: 3, ..WallProfile::default() };
        let subtitle = |weight, function| Drawing::of_wall(&wall, weight, function).subtitle;
        assert_eq!(subtitle(WallWeight::Wall, None), "42 samples of 3 threads over 2.0 s");
        assert_eq!(subtitle(WallWeight::OffCpu, Some("index")), "12 of 42 samples of 3 threads over 2.0 s");
    }
}

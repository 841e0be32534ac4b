//! Documents of the flamegraph viewer that are made of sampled stacks.

use std::collections::HashMap;

use super::document::{FORMAT, FlameDocument, FlameWeight, Frames, Nodes, Rows};
use super::drawing::{frames_of, path_of};
use super::strings::Strings;
use crate::export::safe;
#[cfg(feature = "heap")]
use crate::snapshot::HeapStacks;
use crate::snapshot::{Code, CpuProfile, Frame, SampledStack, WallProfile};

/// What stands for a stack of which nothing is known.
const UNKNOWN: &str = "(unknown stack)";
/// What stands for the missing callers of a stack.
const CUT: &str = "(callers unknown)";

impl FlameDocument {
    /// CPU time by sampled stacks.
    #[must_use]
    pub fn of_cpu(profile: &CpuProfile) -> Self {
        let mut facts = vec![format!(
            "{} samples over {:.1} s, {:.0} % of the process's CPU time",
            profile.samples,
            profile.window_ns as f64 / 1e9,
            profile.coverage() * 100.0,
        )];
        let lost = [("were lost", profile.dropped), ("have lost their stack", profile.folded)];
        facts.extend(
            lost.iter().filter(|(_, samples)| *samples > 0).map(|(what, samples)| format!("{samples} samples {what}")),
        );
        let figures = |stack: &SampledStack| vec![stack.samples, stack.time_ns];
        let weights = vec![sampled("cpu_samples", "Sampled CPU time", "ns", 1), counted()];
        Self {
            title: "Sampled CPU time".to_owned(),
            facts,
            taken_at_us: profile.taken_at_unix_ns / 1_000,
            window_ns: profile.window_ns,
            cpu_ns: profile.sampled_ns,
            weights,
            ..of_stacks(&profile.code, &profile.stacks, 2, figures)
        }
    }

    /// Wall time and off-CPU time by sampled stacks.
    #[must_use]
    pub fn of_wall(profile: &WallProfile) -> Self {
        let facts = vec![format!(
            "{} samples of {} threads over {:.1} s",
            profile.samples,
            profile.threads,
            profile.window_ns as f64 / 1e9
        )];
        let figures = |stack: &SampledStack| vec![stack.samples, stack.time_ns, stack.off_cpu_ns];
        let weights = vec![
            sampled("wall_samples", "Sampled wall time", "ns", 1),
            sampled("offcpu_samples", "Sampled time off the CPU", "ns", 2),
            counted(),
        ];
        Self {
            title: "Sampled wall time".to_owned(),
            facts,
            taken_at_us: profile.taken_at_unix_ns / 1_000,
            window_ns: profile.window_ns,
            weights,
            ..of_stacks(&profile.code, &profile.stacks, 3, figures)
        }
    }

    /// The live heap by stack. `sample_bytes` is the mean number of bytes for one sample, of
    /// [`Heap::sample_bytes`](crate::snapshot::Heap::sample_bytes).
    #[cfg(feature = "heap")]
    #[must_use]
    pub fn of_heap(heap: &HeapStacks, sample_bytes: u64) -> Self {
        let each = sample_bytes.max(1);
        let mut builder = Builder::new(&heap.code, 6);
        for stack in &heap.stacks {
            let live = &stack.live;
            let samples = [live.bytes.div_ceil(each), live.allocated_bytes.div_ceil(each)];
            let figures = [live.bytes, live.objects, live.allocated_bytes, live.allocated_objects];
            builder.add(&stack.addresses, false, &stack.scope, "", samples.into_iter().chain(figures));
        }
        let weight = |name, title, unit, column, samples| FlameWeight {
            samples: Some(samples),
            ..sampled(name, title, unit, column)
        };
        let mut facts = vec![format!("one sample for {each} allocated bytes; figures are estimates")];
        if heap.lost > 0 {
            facts.push(format!("{} samples have no stack, because there was no room", heap.lost));
        }
        Self {
            title: "Live heap by stack".to_owned(),
            facts,
            weights: vec![
                weight("heap_live", "Live bytes by stack", "bytes", 2, 0),
                weight("heap_objects", "Live allocations by stack", "count", 3, 0),
                weight("heap_allocated", "Allocated bytes by stack", "bytes", 4, 1),
                weight("heap_allocations", "Allocations by stack", "count", 5, 1),
            ],
            ..builder.document
        }
    }
}

/// A weight that is estimated from the samples in the first column.
fn sampled(name: &'static str, title: &'static str, unit: &'static str, column: u32) -> FlameWeight {
    FlameWeight { name, title, unit, column, samples: Some(0), of: None }
}

fn counted() -> FlameWeight {
    sampled("samples", "Samples", "count", 0)
}

fn of_stacks(
    code: &Code,
    stacks: &[SampledStack],
    columns: usize,
    figures: impl Fn(&SampledStack) -> Vec<u64>,
) -> FlameDocument {
    let mut builder = Builder::new(code, columns);
    for stack in stacks {
        builder.add(&stack.addresses, stack.is_cut, &stack.scope, &stack.thread, figures(stack));
    }
    builder.document
}

/// Adds stack by stack. Each is a row of its own, since samples refer to them by number.
struct Builder {
    document: FlameDocument,
    of_address: Vec<Vec<u32>>,
    nodes: HashMap<(u32, u32), u32>,
    scopes: HashMap<Vec<u32>, u32>,
    unknown: u32,
    cut: u32,
}

impl Builder {
    fn new(code: &Code, columns: usize) -> Self {
        let (frames, of_address) = frames_of(code);
        let mut strings = Strings::new();
        let mut shown = Frames::default();
        let mut add = |name: &str, file: &str, line: u32| {
            shown.name.push(strings.number(&safe::line(name)));
            shown.file.push(strings.number(&safe::line(file)));
            shown.line.push(line);
            shown.name.len() as u32 - 1
        };
        frames.iter().for_each(|frame| _ = add(&frame.name, &frame.file, frame.line));
        let (unknown, cut) = (add(UNKNOWN, "", 0), add(CUT, "", 0));
        let document = FlameDocument {
            format: FORMAT,
            strings,
            frames: shown,
            nodes: Nodes::default(),
            rows: Rows::default(),
            columns: vec![Vec::new(); columns],
            ..FlameDocument::default()
        };
        Self { document, of_address, nodes: HashMap::new(), scopes: HashMap::new(), unknown, cut }
    }

    /// Addresses are innermost first.
    fn add(
        &mut self,
        addresses: &[u32],
        is_cut: bool,
        scope: &[Frame],
        thread: &str,
        figures: impl IntoIterator<Item = u64>,
    ) {
        let mut path = path_of(addresses, &self.of_address);
        if path.is_empty() {
            path.push(self.unknown);
        } else if is_cut {
            path.insert(0, self.cut);
        }
        let document = &mut self.document;
        // 0 is the root.
        let mut node = 0;
        for frame in path {
            let next = document.nodes.frame.len() as u32 + 1;
            let found = *self.nodes.entry((node, frame)).or_insert(next);
            if found == next {
                document.nodes.frame.push(frame);
                document.nodes.parent.push(node);
            }
            node = found;
        }
        let names: Vec<u32> =
            scope.iter().map(|frame| document.strings.number(&safe::line(&frame.full_name()))).collect();
        let scopes = &mut document.scopes;
        let scope = *self.scopes.entry(names).or_insert_with_key(|names| {
            scopes.push(names.clone());
            scopes.len() as u32 - 1
        });
        document.rows.node.push(node - 1);
        document.rows.scope.push(scope);
        document.rows.thread.push(document.strings.number(&safe::line(thread)));
        document.columns.iter_mut().zip(figures).for_each(|(column, figure)| column.push(figure));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Address, SourceLine};

    fn code(names: &[&[&str]]) -> Code {
        let line = |name: &&str| SourceLine { function: (*name).into(), file: "a.rs".into(), line: 3 };
        let address = |lines: &&[&str]| Address { lines: lines.iter().map(line).collect(), ..Address::default() };
        Code { addresses: names.iter().map(address).collect(), ..Code::default() }
    }

    fn stack(addresses: &[u32], thread: &str, samples: u64) -> SampledStack {
        let scope = Frame { name: "search".into(), module: "shop".into(), ..Frame::default() };
        SampledStack {
            addresses: addresses.to_vec(),
            thread: thread.into(),
            scope: vec![scope],
            samples,
            time_ns: samples * 10,
            off_cpu_ns: samples * 4,
            ..SampledStack::default()
        }
    }

    #[test]
    fn equal_beginnings_are_one_node_and_each_stack_is_a_row() {
        // Inlined calls are innermost first.
        let code = code(&[&["inner", "inlining"], &["main"]]);
        let cut = SampledStack { is_cut: true, ..stack(&[0], "b", 7) };
        let stacks = vec![stack(&[0, 1], "a", 3), stack(&[1], "b", 2), stack(&[], "b", 1), cut];
        let profile = CpuProfile { samples: 13, sampled_ns: 130, stacks, code, ..CpuProfile::default() };
        let document = FlameDocument::of_cpu(&profile);
        let text = |frame: &u32| document.strings.text(document.frames.name[*frame as usize]);
        let names: Vec<&str> = document.nodes.frame.iter().map(text).collect();
        assert_eq!(names, ["main", "inlining", "inner", UNKNOWN, CUT, "inlining", "inner"]);
        assert_eq!(document.nodes.parent, [0, 1, 2, 0, 0, 5, 6]);
        assert_eq!(document.rows.node, [2, 0, 3, 6]);
        assert_eq!(document.columns, [[3, 2, 1, 7], [30, 20, 10, 70]]);
        assert_eq!((&document.rows.scope[..], document.scopes.len()), (&[0, 0, 0, 0][..], 1));
        assert_eq!(document.strings.text(document.scopes[0][0]), "shop::search");
        assert_eq!(document.strings.text(document.rows.thread[3]), "b");
        assert!(document.nodes.calls.is_empty());
    }

    #[test]
    fn wall_time_has_its_part_off_the_cpu() {
        let profile = WallProfile {
            code: code(&[&["main"]]),
            stacks: vec![stack(&[0], "a", 5)],
            threads: 2,
            ..WallProfile::default()
        };
        let document = FlameDocument::of_wall(&profile);
        assert_eq!(document.columns, [[5], [50], [20]]);
        assert_eq!(document.weights[1].name, "offcpu_samples");
    }

    #[cfg(feature = "heap")]
    #[test]
    fn the_heap_has_as_many_samples_as_fit_into_its_bytes() {
        use crate::snapshot::{HeapStack, Live};
        let live = Live { bytes: 250, objects: 5, allocated_bytes: 900, allocated_objects: 9, ..Live::default() };
        let stack = HeapStack { addresses: vec![0], live, ..HeapStack::default() };
        let heap = HeapStacks { stacks: vec![stack], code: code(&[&["main"]]), lost: 2 };
        let document = FlameDocument::of_heap(&heap, 100);
        assert_eq!(document.columns, [[3], [9], [250], [5], [900], [9]]);
        assert!(document.facts[1].starts_with("2 samples"), "{:?}", document.facts);
    }
}

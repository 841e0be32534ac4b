//! The document of the flamegraph viewer: stacks in columns, with all their weights.

#[cfg(feature = "enabled")]
use serde::Serialize;

use super::Weight;
use super::strings::Strings;
use super::times::{SlowSet, Times};
use crate::export::safe;
use crate::snapshot::{ROOT, Snapshot};

/// What the flamegraph viewer shows: stacks with all of their weights.
///
/// It is made of a [`Snapshot`], of a profile of samples, or of two of them for their difference,
/// and written as one HTML file that any browser opens from disk, or as JSON.
///
/// ```
/// use perf_sdk::export::FlameDocument;
///
/// let before = perf_sdk::snapshot();
/// let after = perf_sdk::snapshot();
/// let mut page = Vec::new();
/// FlameDocument::of_calls(&after).against(FlameDocument::of_calls(&before)).write_html(&mut page)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
pub struct FlameDocument {
    /// The name of the format. A reader refuses others.
    pub(super) format: &'static str,
    pub(super) title: String,
    /// What is to be said of the data, one sentence each.
    pub(super) facts: Vec<String>,
    /// The end, in microseconds since the Unix epoch: exact in every reader of JSON.
    pub(super) taken_at_us: u64,
    pub(super) window_ns: u64,
    /// CPU time of the process in the window. 0 if it is unknown.
    pub(super) cpu_ns: u64,
    pub(super) strings: Strings,
    pub(super) frames: Frames,
    pub(super) nodes: Nodes,
    pub(super) rows: Rows,
    /// Profiled functions that were open, outermost first, as strings.
    pub(super) scopes: Vec<Vec<u32>>,
    pub(super) columns: Vec<Vec<u64>>,
    pub(super) weights: Vec<FlameWeight>,
    /// Samples one by one, if they are kept.
    #[cfg_attr(feature = "enabled", serde(skip_serializing_if = "Option::is_none"))]
    pub(super) times: Option<Times>,
    /// Which of them fell in slow calls.
    pub(super) slow: Vec<SlowSet>,
    /// With what it is compared.
    #[cfg_attr(feature = "enabled", serde(skip_serializing_if = "Option::is_none"))]
    pub(super) base: Option<Box<FlameDocument>>,
}

/// Functions, in columns: indices of strings, and lines, which are 0 if unknown.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
pub(super) struct Frames {
    pub(super) name: Vec<u32>,
    pub(super) file: Vec<u32>,
    pub(super) line: Vec<u32>,
}

/// The tree of stacks, in columns. Callers come before their callees.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
pub(super) struct Nodes {
    pub(super) frame: Vec<u32>,
    /// The number of the caller plus 1; 0 for none.
    pub(super) parent: Vec<u32>,
    /// The number of finished calls, if it is known.
    pub(super) calls: Vec<u64>,
}

/// What was seen at the end of a stack, in columns: the node, the scope and the thread's name. The
/// columns of the document have one figure for each row.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
pub(super) struct Rows {
    pub(super) node: Vec<u32>,
    /// Empty if there are no scopes.
    pub(super) scope: Vec<u32>,
    /// Empty if there are no threads.
    pub(super) thread: Vec<u32>,
}

/// A quantity, and where its figures are.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
pub(super) struct FlameWeight {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// `ns`, `bytes` or `count`.
    pub(super) unit: &'static str,
    /// An index of columns.
    pub(super) column: u32,
    /// The column with the number of samples from which the figure was estimated. `None`: it was
    /// counted.
    pub(super) samples: Option<u32>,
    /// The column with the number of calls of which these samples are some. `None`: of so many that
    /// it does not matter.
    pub(super) of: Option<u32>,
}

/// The name and version of the format.
pub(super) const FORMAT: &str = "perf-sdk flame 1";

impl FlameDocument {
    /// The call tree of profiled functions, by all weights.
    #[must_use]
    pub fn of_calls(snapshot: &Snapshot) -> Self {
        let mut strings = Strings::new();
        let mut frames = Frames::default();
        for function in &snapshot.functions {
            frames.name.push(strings.number(&safe::line(&function.full_name())));
            frames.file.push(strings.number(&safe::line(&function.file)));
            frames.line.push(function.line);
        }
        let mut nodes = Nodes::default();
        let mut rows = Rows::default();
        for (node, at) in snapshot.tree.iter().zip(0_u32..) {
            nodes.frame.push(node.function);
            nodes.parent.push(if node.parent == ROOT { 0 } else { node.parent + 1 });
            nodes.calls.push(node.calls);
            rows.node.push(at);
        }
        let (columns, weights) = Self::columns_of_calls(snapshot);
        let mut facts = vec![format!("{} functions over {:.1} s", frames.name.len(), snapshot.window_ns as f64 / 1e9)];
        if !snapshot.has_allocations {
            facts.push(
                "no allocations: the global allocator is neither perf_sdk::Alloc nor perf_sdk::CountingAlloc"
                    .to_owned(),
            );
        }
        if snapshot.heap.is_none() {
            facts.push(format!("no live heap: {}", safe::line(&snapshot.profiler.heap.to_string())));
        }
        Self {
            format: FORMAT,
            title: "Calls of profiled functions".to_owned(),
            facts,
            taken_at_us: snapshot.taken_at_unix_ns / 1_000,
            window_ns: snapshot.window_ns,
            cpu_ns: snapshot.cpu_ns,
            strings,
            frames,
            nodes,
            rows,
            columns,
            weights,
            ..Self::default()
        }
    }

    /// A column for each weight that the snapshot has, and those from which their errors follow.
    fn columns_of_calls(snapshot: &Snapshot) -> (Vec<Vec<u64>>, Vec<FlameWeight>) {
        let tree = &snapshot.tree;
        // Of each node, how many of its calls were measured, and how many there were.
        let mut columns = vec![
            tree.iter().map(|node| node.samples).collect(),
            tree.iter().map(|node| node.calls).collect::<Vec<u64>>(),
        ];
        // Of the live heap, how many allocations were sampled: bytes over the mean distance.
        let heap = snapshot.heap.map(|heap| {
            let each = heap.sample_bytes.max(1);
            columns.push(tree.iter().map(|node| node.live.bytes.div_ceil(each)).collect());
            columns.len() as u32 - 1
        });
        let mut weights = Vec::new();
        for weight in Weight::ALL {
            let is_there = (!weight.needs_allocations() || snapshot.has_allocations)
                && (!weight.needs_heap() || snapshot.heap.is_some());
            if !is_there {
                continue;
            }
            let (samples, of) = match weight {
                // Time off the CPU is counted, also where few calls are measured.
                Weight::Calls | Weight::OffCpu => (None, None),
                _ if weight.needs_heap() => (heap, None),
                _ => (Some(0), Some(1)),
            };
            let (title, unit) = described(weight);
            weights.push(FlameWeight { name: weight.name(), title, unit, column: columns.len() as u32, samples, of });
            columns.push(tree.iter().map(|node| weight.of(node)).collect());
        }
        (columns, weights)
    }

    /// With another title.
    #[must_use]
    pub fn titled(mut self, title: &str) -> Self {
        self.title = safe::line(title).into_owned();
        self
    }

    /// Compared with `base`, such as the same of another time or of another version of the program.
    /// The viewer shows the difference.
    #[must_use]
    pub fn against(mut self, base: Self) -> Self {
        self.base = Some(Box::new(base));
        self
    }

    /// Of that time.
    #[cfg(all(feature = "serve", feature = "heap", feature = "stacks"))]
    pub(crate) fn at(mut self, taken_at_unix_ns: u64) -> Self {
        self.taken_at_us = taken_at_unix_ns / 1_000;
        self
    }

    /// Adds a sentence.
    #[cfg(feature = "enabled")]
    pub(crate) fn saying(mut self, fact: &str) -> Self {
        self.facts.push(safe::line(fact).into_owned());
        self
    }
}

/// The title and the unit of a weight.
fn described(weight: Weight) -> (&'static str, &'static str) {
    match weight {
        Weight::Wall => ("Wall time", "ns"),
        Weight::Cpu => ("CPU time", "ns"),
        Weight::OffCpu => ("Time off the CPU", "ns"),
        Weight::Bytes => ("Allocated bytes", "bytes"),
        Weight::Allocations => ("Allocations", "count"),
        Weight::Calls => ("Calls", "count"),
        Weight::Live => ("Live bytes", "bytes"),
        Weight::LiveObjects => ("Live allocations", "count"),
        Weight::RetainedOld => ("Old live bytes", "bytes"),
        Weight::LiveGrowth => ("Growth of live bytes", "bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{CallNode, Function, Heap, Totals};

    fn node(function: u32, parent: u32, wall_ns: i64, calls: u64) -> CallNode {
        let exclusive = Totals { wall_ns, cpu_ns: wall_ns / 2, ..Totals::default() };
        CallNode { function, parent, calls, samples: calls / 2, exclusive, ..CallNode::default() }
    }

    fn snapshot() -> Snapshot {
        let function = |name: &str| Function { name: name.into(), module: "shop".into(), ..Function::default() };
        Snapshot {
            functions: vec![function("search"), function("rank")],
            tree: vec![node(0, ROOT, 70, 2), node(1, 0, 0, 8), node(0, 1, 30, 4)],
            cpu_ns: 60,
            window_ns: 1_000,
            ..Snapshot::default()
        }
    }

    #[test]
    fn nodes_without_a_weight_have_others() {
        let document = FlameDocument::of_calls(&snapshot());
        assert_eq!((&document.nodes.frame[..], &document.nodes.parent[..]), (&[0, 1, 0][..], &[0, 1, 2][..]));
        let column = |name: &str| {
            let weight = document.weights.iter().find(|weight| weight.name == name).expect("it");
            &document.columns[weight.column as usize]
        };
        assert_eq!((&column("wall")[..], &column("calls")[..]), (&[70, 0, 30][..], &[2, 8, 4][..]));
        assert_eq!(column("offcpu")[..], [35, 0, 15]);
        let names: Vec<&str> = document.weights.iter().map(|weight| weight.name).collect();
        assert_eq!(names, ["wall", "cpu", "offcpu", "calls"], "no allocator, no heap");
        assert_eq!(document.columns[0][..], [1, 4, 2], "measured calls");
        assert_eq!(document.facts.len(), 3, "{:?}", document.facts);
    }

    #[test]
    fn all_weights_are_columns_where_the_program_has_them() {
        let mut snapshot = snapshot();
        snapshot.has_allocations = true;
        snapshot.heap = Some(Heap { sample_bytes: 100, ..Heap::default() });
        snapshot.tree[2].live.bytes = 250;
        let document = FlameDocument::of_calls(&snapshot);
        assert_eq!(document.weights.len(), Weight::ALL.len());
        let live = document.weights.iter().find(|weight| weight.name == "live").expect("it");
        assert_eq!(document.columns[live.samples.expect("it is sampled") as usize][..], [0, 0, 3]);
    }

    #[test]
    fn names_are_shown_as_everywhere() {
        let mut snapshot = snapshot();
        snapshot.functions[0].name = "a\u{202e}b\nc".into();
        let document = FlameDocument::of_calls(&snapshot).titled("t\u{1b}");
        assert_eq!(document.strings.text(document.frames.name[0]), "shop::a\\u{202e}b c");
        assert_eq!(document.title, "t\\u{1b}");
    }
}

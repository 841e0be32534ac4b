//! The live heap as a profile.

use std::collections::BTreeMap;
#[cfg(feature = "stacks")]
use std::collections::HashMap;
use std::io::{self, Write};

use super::builder::{Builder, Header, Scope};
#[cfg(feature = "stacks")]
use crate::snapshot::HeapStacks;
use crate::snapshot::{Live, ROOT, Snapshot};

/// The frame of allocations outside of all profiled scopes.
const OUTSIDE: &str = "(no profiled scope)";

/// The value type that readers show first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opens {
    /// What is in use: `/debug/pprof/heap`.
    InUse,
    /// Everything that was allocated: `/debug/pprof/allocs`.
    Allocated,
}

/// Allocated objects, allocated bytes, objects in use, bytes in use.
type Values = [i64; 4];

/// Values by path of scopes, outermost first.
type Paths = BTreeMap<Vec<Scope>, Values>;

/// Values by path of scopes, outermost first, and addresses, innermost first.
type AtStacks = BTreeMap<(Vec<Scope>, Vec<u64>), Values>;

/// Writes the live heap as a profile of four values: objects and bytes, allocated since sampling
/// began and in use. With `earlier`, a snapshot of the same process, it writes the changes since
/// then; figures in use may then be negative.
///
/// Each sample is one path of profiled scopes, with the innermost one as its label `scope`.
///
/// # Errors
/// Any error of the writer; [`io::ErrorKind::NotFound`] if the heap is not sampled.
pub fn write_heap(
    snapshot: &Snapshot,
    earlier: Option<&Snapshot>,
    opens: Opens,
    to: &mut impl Write,
) -> io::Result<()> {
    let mut held = Held { paths: by_path(snapshot), at_stacks: AtStacks::new() };
    if let Some(earlier) = earlier {
        subtract(&mut held.paths, by_path(earlier));
    }
    write(snapshot, window_ns(snapshot, earlier), held, opens, Builder::default(), &|_| Vec::new(), to)
}

/// As [`write_heap`], with the stacks of allocations where they are known. Such a sample has the
/// frames of its stack, and its scope only as the label. `earlier` was taken with the earlier
/// snapshot.
///
/// # Errors
/// As [`write_heap`].
#[cfg(feature = "stacks")]
pub fn write_heap_stacks(
    (snapshot, stacks): (&Snapshot, &HeapStacks),
    earlier: Option<(&Snapshot, &HeapStacks)>,
    opens: Opens,
    to: &mut impl Write,
) -> io::Result<()> {
    let mut held = Held { paths: by_path(snapshot), at_stacks: at_stacks(stacks) };
    if let Some((snapshot, stacks)) = earlier {
        subtract(&mut held.paths, by_path(snapshot));
        subtract_stacks(&mut held.at_stacks, at_stacks(stacks));
    }
    let (profile, locations) = with_code(stacks);
    let window_ns = window_ns(snapshot, earlier.map(|(snapshot, _)| snapshot));
    write(snapshot, window_ns, held, opens, profile, &locations, to)
}

/// The allocations up to a moment.
#[cfg(feature = "push")]
#[derive(Debug, Default)]
pub(crate) struct Allocated {
    held: Held,
    window_ns: u64,
}

#[cfg(feature = "push")]
impl Allocated {
    pub(crate) fn of(snapshot: &Snapshot, stacks: Option<&HeapStacks>) -> Self {
        let mut held = Held { paths: by_path(snapshot), at_stacks: stacks.map(at_stacks).unwrap_or_default() };
        for [_, _, objects, bytes] in held.paths.values_mut().chain(held.at_stacks.values_mut()) {
            (*objects, *bytes) = (0, 0);
        }
        Self { held, window_ns: snapshot.window_ns }
    }
}

/// As [`write_heap_stacks`], for one window of a sequence: what was allocated in it, and what is in
/// use at its end. So the sum of all windows is the total, as required by servers that store one
/// profile after the other.
///
/// # Errors
/// As [`write_heap`].
#[cfg(feature = "push")]
pub(crate) fn write_heap_window(
    snapshot: &Snapshot,
    stacks: Option<&HeapStacks>,
    before: &Allocated,
    to: &mut impl Write,
) -> io::Result<()> {
    let mut held = Held { paths: by_path(snapshot), at_stacks: stacks.map(at_stacks).unwrap_or_default() };
    subtract(&mut held.paths, before.held.paths.clone());
    subtract_stacks(&mut held.at_stacks, before.held.at_stacks.clone());
    // An allocation whose stack became known meanwhile is now counted by stack, and was not before.
    // The difference elsewhere must not become negative.
    for [objects, bytes, _, _] in held.paths.values_mut().chain(held.at_stacks.values_mut()) {
        (*objects, *bytes) = ((*objects).max(0), (*bytes).max(0));
    }
    let window_ns = snapshot.window_ns.saturating_sub(before.window_ns);
    match stacks {
        Some(stacks) => {
            let (profile, locations) = with_code(stacks);
            write(snapshot, window_ns, held, Opens::InUse, profile, &locations, to)
        }
        None => write(snapshot, window_ns, held, Opens::InUse, Builder::default(), &|_| Vec::new(), to),
    }
}

/// A profile that contains the code of stacks, and a function that maps addresses to locations.
#[cfg(feature = "stacks")]
fn with_code(stacks: &HeapStacks) -> (Builder, impl Fn(&[u64]) -> Vec<u64>) {
    let mut profile = Builder::default();
    let locations = profile.code(&stacks.code);
    let numbers: HashMap<u64, u64> =
        stacks.code.addresses.iter().map(|address| address.address).zip(locations).collect();
    let locations =
        move |addresses: &[u64]| addresses.iter().filter_map(|address| numbers.get(address).copied()).collect();
    (profile, locations)
}

fn window_ns(snapshot: &Snapshot, earlier: Option<&Snapshot>) -> u64 {
    snapshot.window_ns - earlier.map_or(0, |earlier| earlier.window_ns.min(snapshot.window_ns))
}

/// The sums of the heap.
#[derive(Debug, Default)]
struct Held {
    paths: Paths,
    /// The part whose stacks are known, which is also included in the sums of the paths.
    at_stacks: AtStacks,
}

fn write(
    snapshot: &Snapshot,
    window_ns: u64,
    Held { mut paths, at_stacks }: Held,
    opens: Opens,
    mut profile: Builder,
    locations: &dyn Fn(&[u64]) -> Vec<u64>,
    to: &mut impl Write,
) -> io::Result<()> {
    let Some(heap) = &snapshot.heap else {
        let text = format!("there is no heap profile: sampling of the live heap: {}", snapshot.profiler.heap);
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    };
    for ((path, addresses), values) in &at_stacks {
        // What is known by stack is subtracted from its scope. The two were read one after the
        // other, so allocations in between may be missing.
        let rest = paths.entry(if path.is_empty() { vec![outside()] } else { path.clone() }).or_default();
        rest.iter_mut().zip(values).for_each(|(rest, value)| {
            *rest -= if rest.signum() == value.signum() { *value.min(&rest.abs()).max(&-rest.abs()) } else { 0 };
        });
        if values.iter().any(|value| *value != 0) {
            let locations = locations(addresses);
            let scope = path.last().map_or("", |frame| frame.name.as_str());
            profile.sample(locations, values.to_vec(), &[("scope", scope)]);
        }
    }
    for (path, values) in paths.iter().filter(|(_, values)| **values != Values::default()) {
        let locations = path.iter().rev().map(|frame| profile.scope(frame)).collect();
        let scope = path.last().map_or("", |frame| frame.name.as_str());
        profile.sample(locations, values.to_vec(), &[("scope", scope)]);
    }
    let lost = snapshot.profiler.dropped.get("heap").copied().unwrap_or(0);
    let frames = if at_stacks.is_empty() {
        "frames are profiled scopes"
    } else {
        "frames are those of the stack, innermost 32; where it is unknown, profiled scopes"
    };
    let header = Header {
        types: &[
            ("alloc_objects", "count"),
            ("alloc_space", "bytes"),
            ("inuse_objects", "count"),
            ("inuse_space", "bytes"),
        ],
        opens: if opens == Opens::InUse { 3 } else { 1 },
        period: (("space", "bytes"), heap.sample_bytes),
        taken_at_unix_ns: snapshot.taken_at_unix_ns,
        window_ns,
        comments: vec![
            frames.to_owned(),
            format!("one allocation in {} bytes on average is sampled, {lost} samples were lost", heap.sample_bytes),
        ],
    };
    profile.write(&header, to)
}

fn subtract<K: Ord>(now: &mut BTreeMap<K, Values>, before: BTreeMap<K, Values>) {
    for (key, was) in before {
        let values = now.entry(key).or_default();
        values.iter_mut().zip(was).for_each(|(now, was)| *now -= was);
    }
}

/// A stack that is missing now, or whose sums decreased, lost its frames when its code was
/// unloaded. Its values are now attributed to its scope alone.
#[cfg(feature = "stacks")]
fn subtract_stacks(now: &mut AtStacks, before: AtStacks) {
    let mut moved = AtStacks::new();
    for (key, was) in before {
        // Sums of allocations never decrease for the same stack.
        let is_same = |values: &Values| values[0] >= was[0] && values[1] >= was[1];
        let key = if now.get(&key).is_some_and(is_same) { key } else { (key.0, Vec::new()) };
        moved.entry(key).or_default().iter_mut().zip(was).for_each(|(sum, was)| *sum += was);
    }
    subtract(now, moved);
}

fn values(live: &Live) -> Values {
    [live.allocated_objects, live.allocated_bytes, live.objects, live.bytes].map(|n| n as i64)
}

fn outside() -> Scope {
    Scope { name: OUTSIDE.to_owned(), file: String::new(), line: 0 }
}

#[cfg(feature = "stacks")]
fn at_stacks(stacks: &HeapStacks) -> AtStacks {
    let mut at = AtStacks::new();
    for stack in &stacks.stacks {
        let path = stack.scope.iter().map(Scope::of_frame).collect();
        let address = |number: &u32| stacks.code.addresses.get(*number as usize).map(|address| address.address);
        let sum = at.entry((path, stack.addresses.iter().filter_map(address).collect())).or_default();
        sum.iter_mut().zip(values(&stack.live)).for_each(|(sum, value)| *sum += value);
    }
    at
}

/// Values by path, the outermost scope first.
fn by_path(snapshot: &Snapshot) -> Paths {
    let mut stacks = Paths::new();
    for node in snapshot.tree.iter().filter(|node| node.live != Live::default()) {
        let mut path = Vec::new();
        let mut at = Some(node);
        while let Some(node) = at {
            if let Some(function) = snapshot.functions.get(node.function as usize) {
                path.push(Scope::of(function));
            }
            at = if node.parent == ROOT { None } else { snapshot.tree.get(node.parent as usize) };
        }
        path.reverse();
        stacks.insert(path, values(&node.live));
    }
    if let Some(heap) = &snapshot.heap {
        stacks.insert(vec![outside()], values(&heap.unowned));
    }
    stacks
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use prost::Message as _;

    use super::super::wire;
    use super::*;
    use crate::snapshot::{CallNode, Function, Heap, SamplingState};

    fn live(bytes: u64, objects: u64) -> Live {
        Live { bytes, objects, allocated_bytes: 3 * bytes, allocated_objects: 3 * objects, ..Live::default() }
    }

    fn snapshot(inner: Live) -> Snapshot {
        let function = |name: &str| Function {
            name: name.to_owned(),
            module: "m".to_owned(),
            file: "m.rs".to_owned(),
            line: 7,
            ..Function::default()
        };
        let node = |function, parent, live| CallNode { function, parent, live, ..CallNode::default() };
        Snapshot {
            functions: vec![function("outer"), function("inner")],
            tree: vec![node(0, ROOT, live(10, 1)), node(1, 0, inner), node(1, ROOT, Live::default())],
            heap: Some(Heap { sample_bytes: 524_288, unowned: live(5, 1), ..Heap::default() }),
            ..Snapshot::default()
        }
    }

    fn read(snapshot: &Snapshot, earlier: Option<&Snapshot>, opens: Opens) -> wire::Profile {
        let mut zipped = Vec::new();
        write_heap(snapshot, earlier, opens, &mut zipped).unwrap();
        let mut plain = Vec::new();
        GzDecoder::new(zipped.as_slice()).read_to_end(&mut plain).unwrap();
        wire::Profile::decode(plain.as_slice()).unwrap()
    }

    /// The function names from the innermost frame on, and the values.
    fn samples(profile: &wire::Profile) -> Vec<(Vec<&str>, Vec<i64>)> {
        let text = |number: i64| profile.string_table[number as usize].as_str();
        let name = |id: &u64| text(profile.function[*id as usize - 1].name);
        profile.sample.iter().map(|s| (s.location_id.iter().map(name).collect(), s.value.clone())).collect()
    }

    #[test]
    fn tables_fulfil_what_readers_require() {
        let profile = read(&snapshot(live(4_096, 2)), None, Opens::InUse);
        assert_eq!(profile.string_table[0], "");
        assert!(profile.string_table[1..].iter().all(|text| !text.is_empty()));
        let ids = |ids: &mut dyn Iterator<Item = u64>| ids.zip(1..).all(|(id, expected)| id == expected);
        assert!(ids(&mut profile.location.iter().map(|l| l.id)) && ids(&mut profile.function.iter().map(|f| f.id)));
        let addresses: HashSet<u64> = profile.location.iter().map(|location| location.address).collect();
        assert!(addresses.len() == profile.location.len() && !addresses.contains(&0));
        let mapping = &profile.mapping[0];
        assert!(addresses.iter().all(|address| (mapping.memory_start..mapping.memory_limit).contains(address)));
        assert!(profile.location.iter().all(|location| location.mapping_id == mapping.id));
        let text = |number: i64| profile.string_table[number as usize].as_str();
        let types: Vec<(&str, &str)> = profile.sample_type.iter().map(|t| (text(t.r#type), text(t.unit))).collect();
        let expected = [
            ("alloc_objects", "count"),
            ("alloc_space", "bytes"),
            ("inuse_objects", "count"),
            ("inuse_space", "bytes"),
        ];
        assert_eq!(types, expected);
        assert_eq!(text(profile.default_sample_type), "inuse_space");
        assert_eq!(profile.period_type.as_ref().map(|t| (text(t.r#type), text(t.unit))), Some(("space", "bytes")));
        assert!(profile.sample.iter().flat_map(|s| &s.label).all(|label| text(label.key) == "scope" && label.str > 0));
        let all = read(&snapshot(live(1, 1)), None, Opens::Allocated);
        assert_eq!(all.string_table[all.default_sample_type as usize], "alloc_space");
        let place = |profile: &wire::Profile| profile.location.iter().map(|l| l.address).max();
        assert_eq!(place(&all), place(&profile), "addresses are the same in every profile");
    }

    #[test]
    fn paths_have_their_own_values() {
        let profile = read(&snapshot(live(4_096, 2)), None, Opens::InUse);
        let expected = [
            (vec![OUTSIDE], vec![3, 15, 1, 5]),
            (vec!["m::outer"], vec![3, 30, 1, 10]),
            (vec!["m::inner", "m::outer"], vec![6, 12_288, 2, 4_096]),
        ];
        assert_eq!(samples(&profile), expected);
    }

    #[test]
    fn a_window_is_what_changed() {
        let (before, now) = (snapshot(live(4_096, 2)), snapshot(live(96, 1)));
        let profile = read(&now, Some(&before), Opens::InUse);
        assert_eq!(samples(&profile), [(vec!["m::inner", "m::outer"], vec![-3, -12_000, -1, -4_000])]);
        assert!(samples(&read(&now, Some(&now), Opens::InUse)).is_empty());
    }

    #[cfg(feature = "push")]
    #[test]
    fn windows_add_up_to_what_was_allocated_and_say_what_is_in_use() {
        let moments = [live(4_096, 2), live(8_192, 4), live(10_000, 5)].map(snapshot);
        let mut before = Allocated::of(&moments[0], None);
        let mut allocated = 0;
        for (moment, in_use) in moments[1..].iter().zip([8_192, 10_000]) {
            let mut zipped = Vec::new();
            write_heap_window(moment, None, &before, &mut zipped).unwrap();
            before = Allocated::of(moment, None);
            let mut plain = Vec::new();
            GzDecoder::new(zipped.as_slice()).read_to_end(&mut plain).unwrap();
            let profile = wire::Profile::decode(plain.as_slice()).unwrap();
            let found = samples(&profile).into_iter().find(|(path, _)| path[0] == "m::inner").unwrap();
            assert_eq!(found.1[3], in_use);
            allocated += found.1[1];
            let outer = samples(&profile).into_iter().find(|(path, _)| path[0] == "m::outer").unwrap();
            assert_eq!(outer.1, [0, 0, 1, 10], "nothing allocated in the window, and still in use");
        }
        assert_eq!(allocated, 3 * (10_000 - 4_096));
    }

    #[test]
    fn without_sampling_there_is_no_profile() {
        let mut none = Snapshot::default();
        none.profiler.heap = SamplingState::Off;
        let error = write_heap(&none, None, Opens::InUse, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().ends_with("live heap: off"), "{error}");
    }
}

//! Google's `profile.proto`, gzipped: what Go's `pprof`, Pyroscope, Parca and others read.
//!
//! Frames are profiled scopes. Numbers start at 1, the string table with an empty string, and a scope's address is made of its name, so that
//! it is the same in every profile.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;

use super::stacks::full_name;
use crate::snapshot::{Live, ROOT, Snapshot};

/// The messages of `profile.proto`, proto3: the fields that are written, under their numbers.
mod wire {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Profile {
        #[prost(message, repeated, tag = "1")]
        pub(super) sample_type: Vec<ValueType>,
        #[prost(message, repeated, tag = "2")]
        pub(super) sample: Vec<Sample>,
        #[prost(message, repeated, tag = "3")]
        pub(super) mapping: Vec<Mapping>,
        #[prost(message, repeated, tag = "4")]
        pub(super) location: Vec<Location>,
        #[prost(message, repeated, tag = "5")]
        pub(super) function: Vec<Function>,
        #[prost(string, repeated, tag = "6")]
        pub(super) string_table: Vec<String>,
        #[prost(int64, tag = "9")]
        pub(super) time_nanos: i64,
        #[prost(int64, tag = "10")]
        pub(super) duration_nanos: i64,
        #[prost(message, optional, tag = "11")]
        pub(super) period_type: Option<ValueType>,
        #[prost(int64, tag = "12")]
        pub(super) period: i64,
        #[prost(int64, repeated, tag = "13")]
        pub(super) comment: Vec<i64>,
        #[prost(int64, tag = "14")]
        pub(super) default_sample_type: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ValueType {
        #[prost(int64, tag = "1")]
        pub(super) r#type: i64,
        #[prost(int64, tag = "2")]
        pub(super) unit: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Sample {
        #[prost(uint64, repeated, tag = "1")]
        pub(super) location_id: Vec<u64>,
        #[prost(int64, repeated, tag = "2")]
        pub(super) value: Vec<i64>,
        #[prost(message, repeated, tag = "3")]
        pub(super) label: Vec<Label>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Label {
        #[prost(int64, tag = "1")]
        pub(super) key: i64,
        #[prost(int64, tag = "2")]
        pub(super) str: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Mapping {
        #[prost(uint64, tag = "1")]
        pub(super) id: u64,
        #[prost(uint64, tag = "2")]
        pub(super) memory_start: u64,
        #[prost(uint64, tag = "3")]
        pub(super) memory_limit: u64,
        #[prost(int64, tag = "5")]
        pub(super) filename: i64,
        #[prost(bool, tag = "7")]
        pub(super) has_functions: bool,
        #[prost(bool, tag = "8")]
        pub(super) has_filenames: bool,
        #[prost(bool, tag = "9")]
        pub(super) has_line_numbers: bool,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Location {
        #[prost(uint64, tag = "1")]
        pub(super) id: u64,
        #[prost(uint64, tag = "2")]
        pub(super) mapping_id: u64,
        #[prost(uint64, tag = "3")]
        pub(super) address: u64,
        #[prost(message, repeated, tag = "4")]
        pub(super) line: Vec<Line>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Line {
        #[prost(uint64, tag = "1")]
        pub(super) function_id: u64,
        #[prost(int64, tag = "2")]
        pub(super) line: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Function {
        #[prost(uint64, tag = "1")]
        pub(super) id: u64,
        #[prost(int64, tag = "2")]
        pub(super) name: i64,
        #[prost(int64, tag = "3")]
        pub(super) system_name: i64,
        #[prost(int64, tag = "4")]
        pub(super) filename: i64,
        #[prost(int64, tag = "5")]
        pub(super) start_line: i64,
    }
}

/// Where scopes lie that have no address.
const FIRST_ADDRESS: u64 = 0x1000;
const LAST_ADDRESS: u64 = 0x7fff_ffff_f000;
/// The frame of what no profiled scope did.
const OUTSIDE: &str = "(no profiled scope)";

/// What a heap profile opens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opens {
    /// With what is held: `/debug/pprof/heap`.
    InUse,
    /// With all that was allocated: `/debug/pprof/allocs`.
    Allocated,
}

/// A scope as a frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Frame {
    name: String,
    file: String,
    line: u32,
}

/// Objects and bytes, allocated and in use.
type Values = [i64; 4];

/// Writes the live heap as a profile of four values: objects and bytes, allocated since sampling began and in use. With `earlier`, a
/// snapshot of the same process, what changed since: figures in use may be negative then.
///
/// Each sample is one path of profiled scopes, with the innermost as its label `scope`.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::NotFound`] where the heap is not sampled.
pub fn write_heap(
    snapshot: &Snapshot,
    earlier: Option<&Snapshot>,
    opens: Opens,
    to: &mut impl Write,
) -> io::Result<()> {
    let Some(heap) = &snapshot.heap else {
        let text = format!("there is no heap profile: sampling of the live heap: {}", snapshot.profiler.heap);
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    };
    let mut stacks = stacks(snapshot);
    if let Some(earlier) = earlier {
        for (path, was) in self::stacks(earlier) {
            let now = stacks.entry(path).or_default();
            now.iter_mut().zip(was).for_each(|(now, was)| *now -= was);
        }
    }
    let mut profile = Builder::default();
    let types = [
        profile.value_type("alloc_objects", "count"),
        profile.value_type("alloc_space", "bytes"),
        profile.value_type("inuse_objects", "count"),
        profile.value_type("inuse_space", "bytes"),
    ];
    let default_sample_type = types[if opens == Opens::InUse { 3 } else { 1 }].r#type;
    let period_type = Some(profile.value_type("space", "bytes"));
    for (path, values) in stacks.iter().filter(|(_, values)| **values != Values::default()) {
        profile.sample(path, values);
    }
    let lost = snapshot.profiler.dropped.get("heap").copied().unwrap_or(0);
    let comments = [
        format!("perf-sdk {}: frames are profiled scopes", env!("CARGO_PKG_VERSION")),
        format!("one allocation in {} bytes is sampled, {lost} samples were lost", heap.sample_bytes),
    ];
    let comment = comments.map(|text| profile.text(&text)).to_vec();
    let window_ns = snapshot.window_ns - earlier.map_or(0, |earlier| earlier.window_ns.min(snapshot.window_ns));
    let message = wire::Profile {
        sample_type: types.to_vec(),
        time_nanos: snapshot.taken_at_unix_ns as i64,
        duration_nanos: window_ns as i64,
        period_type,
        period: heap.sample_bytes as i64,
        comment,
        default_sample_type,
        ..profile.finish()
    };
    let mut zipped = GzEncoder::new(to, Compression::fast());
    zipped.write_all(&message.encode_to_vec())?;
    zipped.finish()?;
    Ok(())
}

/// By path, the outermost scope first.
fn stacks(snapshot: &Snapshot) -> BTreeMap<Vec<Frame>, Values> {
    let values =
        |live: &Live| [live.allocated_objects, live.allocated_bytes, live.objects, live.bytes].map(|n| n as i64);
    let mut stacks = BTreeMap::new();
    for node in snapshot.tree.iter().filter(|node| node.live != Live::default()) {
        let mut path = Vec::new();
        let mut at = Some(node);
        while let Some(node) = at {
            if let Some(function) = snapshot.functions.get(node.function as usize) {
                path.push(Frame { name: full_name(function), file: function.file.clone(), line: function.line });
            }
            at = if node.parent == ROOT { None } else { snapshot.tree.get(node.parent as usize) };
        }
        path.reverse();
        stacks.insert(path, values(&node.live));
    }
    if let Some(heap) = &snapshot.heap {
        let outside = Frame { name: OUTSIDE.to_owned(), file: String::new(), line: 0 };
        stacks.insert(vec![outside], values(&heap.unowned));
    }
    stacks
}

/// A profile's tables.
#[derive(Default)]
struct Builder {
    texts: Vec<String>,
    text_numbers: HashMap<String, i64>,
    frames: HashMap<Frame, u64>,
    addresses: HashSet<u64>,
    samples: Vec<wire::Sample>,
    locations: Vec<wire::Location>,
    functions: Vec<wire::Function>,
}

impl Builder {
    fn text(&mut self, text: &str) -> i64 {
        if text.is_empty() {
            return 0;
        }
        if let Some(number) = self.text_numbers.get(text) {
            return *number;
        }
        self.texts.push(text.to_owned());
        // The empty one comes first.
        let number = self.texts.len() as i64;
        self.text_numbers.insert(text.to_owned(), number);
        number
    }

    fn value_type(&mut self, name: &str, unit: &str) -> wire::ValueType {
        wire::ValueType { r#type: self.text(name), unit: self.text(unit) }
    }

    fn sample(&mut self, path: &[Frame], values: &Values) {
        let location_id = path.iter().rev().map(|frame| self.location(frame)).collect();
        let (key, scope) = (self.text("scope"), path.last().map_or(0, |frame| self.text(&frame.name)));
        let label = vec![wire::Label { key, str: scope }];
        self.samples.push(wire::Sample { location_id, value: values.to_vec(), label });
    }

    fn location(&mut self, frame: &Frame) -> u64 {
        if let Some(id) = self.frames.get(frame) {
            return *id;
        }
        let id = self.frames.len() as u64 + 1;
        self.frames.insert(frame.clone(), id);
        let name = self.text(&frame.name);
        let filename = self.text(&frame.file);
        let line = i64::from(frame.line);
        self.functions.push(wire::Function { id, name, system_name: name, filename, start_line: line });
        let mut address = address(&frame.name);
        while !self.addresses.insert(address) {
            address += 1;
        }
        self.locations.push(wire::Location {
            id,
            mapping_id: 1,
            address,
            line: vec![wire::Line { function_id: id, line }],
        });
        id
    }

    fn finish(mut self) -> wire::Profile {
        let filename = self.text("scopes");
        let mapping = wire::Mapping {
            id: 1,
            memory_start: FIRST_ADDRESS,
            memory_limit: LAST_ADDRESS,
            filename,
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
        };
        let mut string_table = vec![String::new()];
        string_table.append(&mut self.texts);
        wire::Profile {
            sample: self.samples,
            mapping: vec![mapping],
            location: self.locations,
            function: self.functions,
            string_table,
            ..wire::Profile::default()
        }
    }
}

/// The same for the same name, in every process. FNV-1a (Fowler, Noll and Vo), 64 bits.
fn address(name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // Room to move a second one of the same address.
    FIRST_ADDRESS + hash % (LAST_ADDRESS - FIRST_ADDRESS - (1 << 20))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;
    use crate::snapshot::{CallNode, Function, Heap};

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

    /// Names from the innermost frame on, and the values.
    fn samples(profile: &wire::Profile) -> Vec<(Vec<&str>, Vec<i64>)> {
        let text = |number: i64| profile.string_table[number as usize].as_str();
        let name = |id: &u64| text(profile.function[*id as usize - 1].name);
        profile.sample.iter().map(|s| (s.location_id.iter().map(name).collect(), s.value.clone())).collect()
    }

    #[test]
    fn tables_are_as_readers_insist() {
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

    #[test]
    fn without_sampling_there_is_no_profile() {
        let mut none = Snapshot::default();
        none.profiler.heap = "off".to_owned();
        let error = write_heap(&none, None, Opens::InUse, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().ends_with("live heap: off"), "{error}");
    }
}

//! The exact call tree as a profile.

#[cfg(feature = "serve")]
use std::collections::HashSet;
use std::io::{self, Write};

#[cfg(feature = "serve")]
use super::builder::address;
use super::builder::{Builder, Header, Scope};
#[cfg(feature = "serve")]
use crate::snapshot::LockContention;
use crate::snapshot::{ROOT, Snapshot};

/// Writes the exact call tree as a profile of six values, each of a function without its profiled
/// callees: finished calls, wall time, CPU time, wall time off the CPU, allocations, allocated
/// bytes. It contains no sampled stacks. Calls that were not measured are represented by the
/// weights of those that were.
///
/// # Errors
/// Any error of the writer.
pub fn write_scopes(snapshot: &Snapshot, to: &mut impl Write) -> io::Result<()> {
    let mut profile = Builder::default();
    for node in &snapshot.tree {
        let own = &node.exclusive;
        let clamped = |value: i64| value.max(0);
        let values = vec![
            node.calls as i64,
            clamped(own.wall_ns),
            clamped(own.cpu_ns),
            clamped(own.off_cpu_ns()),
            clamped(own.allocations + own.reallocations),
            clamped(own.allocated_bytes),
        ];
        if values.iter().all(|value| *value == 0) {
            continue;
        }
        let mut locations = Vec::new();
        let mut scope = String::new();
        let mut at = Some(node);
        while let Some(node) = at {
            if let Some(function) = snapshot.functions.get(node.function as usize) {
                let frame = Scope::of(function);
                locations.push(profile.scope(&frame));
                if scope.is_empty() {
                    scope = frame.name;
                }
            }
            at = if node.parent == ROOT { None } else { snapshot.tree.get(node.parent as usize) };
        }
        profile.sample(locations, values, &[("scope", &scope)]);
    }
    let header = Header {
        types: &[
            ("calls", "count"),
            ("wall", "nanoseconds"),
            ("cpu", "nanoseconds"),
            ("off_cpu", "nanoseconds"),
            ("alloc_objects", "count"),
            ("alloc_space", "bytes"),
        ],
        opens: 1,
        period: (("calls", "count"), 1),
        taken_at_unix_ns: snapshot.taken_at_unix_ns,
        window_ns: snapshot.window_ns,
        comments: vec!["frames are profiled scopes, recorded and not sampled from stacks".to_owned()],
    };
    profile.write(&header, to)
}

/// The names of those of `addresses` that are artificial addresses of profiled functions or locks.
#[cfg(feature = "serve")]
pub(crate) fn names_of_scopes(snapshot: &Snapshot, addresses: &[u64]) -> Vec<(u64, String)> {
    let wanted: HashSet<u64> = addresses.iter().copied().collect();
    let functions = snapshot.functions.iter().map(|function| function.full_name());
    let locks = snapshot.locks.holders.iter().chain(&snapshot.locks.waiters).map(LockContention::lock_name);
    let placed = functions.chain(locks).map(|name| (address(&name), name));
    placed.filter(|(address, _)| wanted.contains(address)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use prost::Message as _;

    use super::super::wire;
    use super::*;
    use crate::snapshot::{CallNode, Function, Totals};

    #[test]
    fn each_function_has_its_own_six_values_and_its_callers() {
        let function = |name: &str| Function { name: name.to_owned(), module: "m".to_owned(), ..Function::default() };
        let own = Totals { wall_ns: 9, cpu_ns: 4, allocations: 2, allocated_bytes: 64, ..Totals::default() };
        let node =
            |function, parent, calls| CallNode { function, parent, calls, exclusive: own, ..CallNode::default() };
        let snapshot = Snapshot {
            functions: vec![function("outer"), function("inner")],
            tree: vec![node(0, ROOT, 1), node(1, 0, 5), CallNode { function: 1, parent: ROOT, ..CallNode::default() }],
            ..Snapshot::default()
        };
        let mut zipped = Vec::new();
        write_scopes(&snapshot, &mut zipped).unwrap();
        let mut plain = Vec::new();
        GzDecoder::new(zipped.as_slice()).read_to_end(&mut plain).unwrap();
        let profile = wire::Profile::decode(plain.as_slice()).unwrap();
        let values: Vec<&[i64]> = profile.sample.iter().map(|sample| sample.value.as_slice()).collect();
        assert_eq!(values, [[1, 9, 4, 5, 2, 64], [5, 9, 4, 5, 2, 64]]);
        assert_eq!(profile.sample[1].location_id.len(), 2);
        assert_eq!((profile.sample_type.len(), profile.mapping.len()), (6, 1));
    }
}

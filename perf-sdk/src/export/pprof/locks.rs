//! Waits for locks as profiles.

use std::io::{self, Write};

use super::builder::{Builder, Header, Scope};
use crate::snapshot::{LockContention, Snapshot};

/// Writes which scopes held locks that others waited for, as a profile of two values: the number of
/// waits, and their duration. The innermost frame is the lock, named by the place where it was
/// made. The outer frames, and the label `scope`, are the profiled functions that held it when the
/// wait began.
///
/// # Errors
/// Any error of the writer.
pub fn write_mutex(snapshot: &Snapshot, to: &mut impl Write) -> io::Result<()> {
    write(snapshot, &snapshot.locks.holders, "the holder of the lock when the wait began", to)
}

/// As [`write_mutex`], by the profiled functions that waited, and including waits at condition
/// variables.
///
/// # Errors
/// Any error of the writer.
pub fn write_block(snapshot: &Snapshot, to: &mut impl Write) -> io::Result<()> {
    write(snapshot, &snapshot.locks.waiters, "whoever waited", to)
}

fn write(snapshot: &Snapshot, contentions: &[LockContention], who: &str, to: &mut impl Write) -> io::Result<()> {
    let mut profile = Builder::default();
    for one in contentions {
        let lock = Scope { name: one.lock_name(), file: one.file.clone(), line: one.line };
        let scopes = one.scope.iter().rev().map(Scope::of_frame);
        let scope = one.scope.last().map(|frame| frame.full_name()).unwrap_or_default();
        let locations = std::iter::once(lock).chain(scopes).map(|frame| profile.scope(&frame)).collect();
        profile.sample(locations, vec![one.contentions as i64, one.delay_ns as i64], &[("scope", &scope)]);
    }
    let header = Header {
        types: &[("contentions", "count"), ("delay", "nanoseconds")],
        opens: 1,
        period: (("contentions", "count"), 1),
        taken_at_unix_ns: snapshot.taken_at_unix_ns,
        window_ns: snapshot.window_ns,
        comments: vec![
            format!("frames are locks of perf_sdk::sync within the profiled scopes of {who}"),
            "every wait for such a lock is recorded when it ends; other locks are not recorded".to_owned(),
        ],
    };
    profile.write(&header, to)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use prost::Message as _;

    use super::super::wire;
    use super::*;
    use crate::snapshot::Frame;

    fn read(snapshot: &Snapshot, write: fn(&Snapshot, &mut Vec<u8>) -> io::Result<()>) -> wire::Profile {
        let (mut zipped, mut plain) = (Vec::new(), Vec::new());
        write(snapshot, &mut zipped).unwrap();
        GzDecoder::new(zipped.as_slice()).read_to_end(&mut plain).unwrap();
        wire::Profile::decode(plain.as_slice()).unwrap()
    }

    #[test]
    fn the_lock_is_the_leaf_under_its_scopes() {
        let frame = |name: &str| Frame { name: name.to_owned(), module: "m".to_owned(), ..Frame::default() };
        let wait = |scope: &[&str], contentions, delay_ns| LockContention {
            scope: scope.iter().map(|name| frame(name)).collect(),
            lock: "Mutex".to_owned(),
            file: "src/store.rs".to_owned(),
            line: 12,
            contentions,
            delay_ns,
        };
        let mut snapshot = Snapshot::default();
        snapshot.locks.waiters = vec![wait(&["outer", "inner"], 3, 900), wait(&[], 1, 50)];
        snapshot.locks.holders = vec![wait(&["holder"], 4, 950)];
        let block = read(&snapshot, write_block);
        let text = |number: i64| block.string_table[number as usize].as_str();
        let names = |sample: &wire::Sample| -> Vec<&str> {
            let lines = sample.location_id.iter().map(|id| block.location[*id as usize - 1].line[0].function_id);
            lines.map(|function| text(block.function[function as usize - 1].name)).collect()
        };
        let samples: Vec<_> = block.sample.iter().map(|sample| (names(sample), sample.value.as_slice())).collect();
        let lock = "Mutex at src/store.rs:12";
        assert_eq!(
            samples,
            [(vec![lock, "m::inner", "m::outer"], [3, 900].as_slice()), (vec![lock], [1, 50].as_slice())]
        );
        let types: Vec<_> = block.sample_type.iter().map(|one| (text(one.r#type), text(one.unit))).collect();
        assert_eq!(types, [("contentions", "count"), ("delay", "nanoseconds")]);
        assert_eq!(block.sample[0].label.iter().map(|label| text(label.str)).collect::<Vec<_>>(), ["m::inner"]);
        assert!(block.sample[1].label.is_empty() && block.location.iter().all(|location| location.address > 0));
        assert_eq!(read(&snapshot, write_mutex).sample[0].value, [4, 950]);
    }
}

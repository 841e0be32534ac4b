//! Older histories: what a program wrote in ten seconds, as if it had been so for an hour before.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flate2::Crc;

/// As `perf-sdk/src/history/file/record.rs` has it.
const HEADER: usize = 24;
const MARK: [u8; 4] = *b"\xf5rec";
const HEAD: usize = 13;
/// Kinds of records.
const FUNCTION: u8 = 2;
const POINTS: u8 = 3;
const TIMES: u8 = 4;
/// Seconds of a point in the file.
const SECONDS: u64 = 10;

/// The records of a file: kind and payload.
fn records(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut rest = &bytes[HEADER.min(bytes.len())..];
    let mut all = Vec::new();
    while rest.starts_with(&MARK) && rest.len() >= HEAD {
        let length = u32::from_le_bytes(rest[4..8].try_into().expect("four bytes")) as usize;
        let Some(payload) = rest.get(HEAD..HEAD + length) else { break };
        all.push((rest[12], payload.to_vec()));
        rest = &rest[HEAD + length..];
    }
    all
}

fn write(into: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    let mut crc = Crc::new();
    crc.update(&[kind]);
    crc.update(payload);
    into.extend_from_slice(&MARK);
    into.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    into.extend_from_slice(&crc.sum().to_le_bytes());
    into.push(kind);
    into.extend_from_slice(payload);
}

fn index_of(payload: &[u8]) -> u32 {
    u32::from_le_bytes(payload[..4].try_into().expect("an index"))
}

/// The number of intervals of ten seconds that are in a file of a history.
#[must_use]
pub fn intervals(file: &Path) -> usize {
    let all = records(&fs::read(file).unwrap_or_default());
    let mut indices: Vec<u32> =
        all.iter().filter(|(kind, _)| *kind == POINTS).map(|(_, payload)| index_of(payload)).collect();
    indices.dedup();
    indices.len()
}

/// Writes the file of a history anew: each interval of a time before now is as the fullest one of
/// those that are in it.
///
/// # Panics
/// If there is none, or the file cannot be written.
pub fn repeat(file: &Path, ago: Range<Duration>) {
    let bytes = fs::read(file).expect("a history");
    let all = records(&bytes);
    let mut sizes = BTreeMap::new();
    for (kind, payload) in all.iter().filter(|(kind, _)| matches!(*kind, POINTS | TIMES)) {
        // Differences of histograms are there of a whole interval only.
        *sizes.entry(index_of(payload)).or_insert(0) += payload.len() + if *kind == TIMES { 1 << 20 } else { 0 };
    }
    let (fullest, _) = sizes.into_iter().max_by_key(|(_, size)| *size).expect("an interval");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let at = |ago: Duration| ((now - ago).as_secs() / SECONDS) as u32;
    let (from, to) = (at(ago.end), at(ago.start));
    let mut older = bytes[..HEADER].to_vec();
    for (kind, payload) in &all {
        match *kind {
            POINTS | TIMES => {}
            FUNCTION => {
                // The third to the sixth byte say since when.
                let mut payload = payload.clone();
                payload[2..6].copy_from_slice(&(from * SECONDS as u32).to_le_bytes());
                write(&mut older, FUNCTION, &payload);
            }
            kind => write(&mut older, kind, payload),
        }
    }
    for index in from..to {
        for (kind, payload) in &all {
            if matches!(*kind, POINTS | TIMES) && index_of(payload) == fullest {
                let mut payload = payload.clone();
                payload[..4].copy_from_slice(&index.to_le_bytes());
                write(&mut older, *kind, &payload);
            }
        }
    }
    fs::write(file, older).expect("the file can be written");
}

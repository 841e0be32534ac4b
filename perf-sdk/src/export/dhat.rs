//! The file format of DHAT, valgrind's heap profiler, version 2. Its viewer, `dh_view.html`, opens
//! it.
//!
//! Block counts are estimates: each sampled block counts with its weight. Times are microseconds
//! since recording began.

use std::collections::HashMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::snapshot::{Frame, HeapPath, HeapProfile, write_json};

/// The outermost frame of all paths.
const ROOT: &str = "[root]";
/// The frame of allocations outside of all profiled scopes.
const OUTSIDE: &str = "(no profiled scope)";
/// Blocks with a shorter lifetime, in microseconds, count as short-lived, as in DHAT's own files
/// for Rust.
const SHORT_LIVED_US: u64 = 10;

/// A document. The field names are those of the format.
#[derive(Debug, Serialize)]
#[allow(non_snake_case)]
struct Document {
    dhatFileVersion: u32,
    mode: &'static str,
    verb: &'static str,
    bklt: bool,
    bkacc: bool,
    tu: &'static str,
    Mtu: &'static str,
    tuth: u64,
    cmd: String,
    pid: u32,
    te: u64,
    tg: u64,
    pps: Vec<ProgramPoint>,
    ftbl: Vec<String>,
}

/// What was allocated at one place.
#[derive(Debug, Serialize)]
struct ProgramPoint {
    tb: u64,
    tbk: u64,
    tl: u64,
    mb: u64,
    mbk: u64,
    gb: u64,
    gbk: u64,
    eb: u64,
    ebk: u64,
    fs: Vec<usize>,
}

impl ProgramPoint {
    fn new(path: &HeapPath, fs: Vec<usize>) -> Self {
        let blocks = |objects: f64| objects.round().max(0.0) as u64;
        // The viewer requires this order, which estimates taken at different moments may violate.
        let (tb, tbk) = (path.total_bytes, blocks(path.total_objects).max(1));
        let (mb, mbk) = (path.max_bytes.min(tb), blocks(path.max_objects).min(tbk));
        let within = |bytes: u64, objects: f64| (bytes.min(mb), blocks(objects).min(mbk));
        let ((gb, gbk), (eb, ebk)) =
            (within(path.peak_bytes, path.peak_objects), within(path.live_bytes, path.live_objects));
        Self { tb, tbk, tl: (path.lifetime_s * 1e6) as u64, mb, mbk, gb, gbk, eb, ebk, fs }
    }
}

/// Writes the profile.
///
/// # Errors
/// Any error of the writer.
pub fn write(profile: &HeapProfile, to: &mut impl Write) -> io::Result<()> {
    let mut frames = Frames::default();
    let pps = profile.paths.iter().map(|path| ProgramPoint::new(path, frames.of(path))).collect();
    let document = Document {
        dhatFileVersion: 2,
        mode: "rust-heap",
        verb: "Allocated",
        bklt: true,
        bkacc: false,
        tu: "µs",
        Mtu: "s",
        tuth: SHORT_LIVED_US,
        // Without the arguments, which may contain secrets, because such files are passed around.
        cmd: std::env::args_os().next().unwrap_or_default().to_string_lossy().into_owned(),
        pid: std::process::id(),
        te: profile.window_ns / 1_000,
        tg: profile.peak_at_ns / 1_000,
        pps,
        ftbl: frames.table,
    };
    write_json(&document, to)
}

/// The table of frames; the first is the root.
#[derive(Debug)]
struct Frames {
    table: Vec<String>,
    known: HashMap<String, usize>,
}

impl Default for Frames {
    fn default() -> Self {
        Self { table: vec![ROOT.to_owned()], known: HashMap::new() }
    }
}

impl Frames {
    /// The frames of one path, innermost first, as the format requires.
    fn of(&mut self, path: &HeapPath) -> Vec<usize> {
        if path.frames.is_empty() {
            return vec![self.number(OUTSIDE.to_owned())];
        }
        path.frames.iter().rev().map(|frame| self.number(text(frame))).collect()
    }

    fn number(&mut self, text: String) -> usize {
        *self.known.entry(text).or_insert_with_key(|text| {
            self.table.push(text.clone());
            self.table.len() - 1
        })
    }
}

fn text(frame: &Frame) -> String {
    let between = if frame.module.is_empty() { "" } else { "::" };
    let place = if frame.file.is_empty() { String::new() } else { format!(" ({}:{})", frame.file, frame.line) };
    format!("{}{between}{}{place}", frame.module, frame.name)
}

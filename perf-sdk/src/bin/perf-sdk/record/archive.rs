//! The files that are made of a snapshot, as one `.tar.gz`.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use perf_sdk::export::{self, FlameDocument, Weight};
use perf_sdk::finding;
use perf_sdk::snapshot::Snapshot;

/// What was run.
pub(super) struct Run {
    /// The folder in the archive.
    pub(super) name: String,
    pub(super) command: String,
    pub(super) ended: String,
    pub(super) took_seconds: f64,
}

/// The archive of the program's own snapshot, and of the other processes that wrote one.
pub(super) fn write(run: &Run, own: &Snapshot, others: &[(u32, Snapshot)]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
        archive.append_data(&mut header, format!("{}/{name}", run.name), bytes)
    };
    add("README.md", readme(run, own, others).as_bytes())?;
    add("snapshot.json", &written(|to| export::json::write(own, to))?)?;
    add("functions.txt", &written(|to| export::table::write(own, to))?)?;
    add("findings.txt", &written(|to| finding::of(own).write_text(to))?)?;
    add("flame.html", &written(|to| FlameDocument::of_calls(own).write_html(to))?)?;
    for weight in [Weight::Wall, Weight::Cpu, Weight::Bytes, Weight::Live] {
        let is_there =
            (own.has_allocations || !weight.needs_allocations()) && (own.heap.is_some() || !weight.needs_heap());
        // A graph of nothing is an error, and no file.
        if is_there && let Ok(picture) = written(|to| export::flamegraph::write(own, weight, None, to)) {
            add(&format!("{weight}.svg"), &picture)?;
        }
    }
    for (pid, snapshot) in others {
        add(&format!("snapshot-{pid}.json"), &written(|to| export::json::write(snapshot, to))?)?;
    }
    archive.into_inner()?.finish()
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(&mut bytes)?;
    bytes.flush()?;
    Ok(bytes)
}

fn readme(run: &Run, own: &Snapshot, others: &[(u32, Snapshot)]) -> String {
    let mut text = format!(
        "# {}\n\n`{}` {}, after {:.3} s.\n\n\
         | file | what it is |\n|---|---|\n\
         | `flame.html` | the calls of profiled functions, by all weights, in a browser |\n\
         | `wall.svg`, `cpu.svg`, `bytes.svg`, `live.svg` | the same as pictures |\n\
         | `functions.txt` | the table of functions |\n\
         | `findings.txt` | what somebody should do |\n\
         | `snapshot.json` | all of it, for `perf-sdk diff`, `flame`, `advise` |\n",
        run.name, run.command, run.ended, run.took_seconds
    );
    for (pid, _) in others {
        text += &format!("| `snapshot-{pid}.json` | of process {pid}, which the program started |\n");
    }
    text + &format!("\n{} functions, {:.3} s of CPU time.\n", own.functions.len(), own.cpu_ns as f64 * 1e-9)
}

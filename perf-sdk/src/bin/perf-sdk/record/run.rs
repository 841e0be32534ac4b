//! A program that is run, the snapshots that it and its children write, and the archive of these.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use perf_sdk::snapshot::Snapshot;

use super::archive::{self, Run};
use super::child;
use crate::failure::{Failure, Outcome, Status, said};
use crate::output::Target;
use crate::source;

/// The setting by which a program writes its snapshot at its end.
const SNAPSHOT_FILE: &str = "PERF_SNAPSHOT_FILE";
/// So that it does so if a signal ends it, too.
const REPORT_SIGNALS: &str = "PERF_REPORT_SIGNALS";

pub(super) fn run(program: &OsString, arguments: &[OsString], output: Option<&str>) -> Outcome {
    if std::env::var_os(SNAPSHOT_FILE).is_some() {
        return said(format!("{SNAPSHOT_FILE} is set, which is how `record` gets what is recorded; unset it"));
    }
    let name = Path::new(program).file_name().unwrap_or(OsStr::new("program")).to_string_lossy().into_owned();
    let is_stdout = output == Some("-");
    check(output)?;
    let folder = Folder::new().map_err(|error| Failure::new(format!("cannot make a folder for snapshots: {error}")))?;
    // A file for each process: the variables go to its children too.
    let mut variables = vec![(SNAPSHOT_FILE, folder.0.join("{pid}.json").into_os_string())];
    if std::env::var_os(REPORT_SIGNALS).is_none() {
        variables.push((REPORT_SIGNALS, "true".into()));
    }
    let began = Instant::now();
    let ran = child::run(program, arguments, &variables, is_stdout);
    let (pid, status) = ran.map_err(|error| Failure::new(format!("cannot run {}: {error}", program.display())))?;
    let command =
        [program].into_iter().chain(arguments).map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let run = Run {
        name: format!("{}-{pid}", plain(&name)),
        command,
        ended: child::said(status),
        took_seconds: began.elapsed().as_secs_f64(),
    };
    let target = match output {
        Some(path) => Target::of(Some(path), false)?,
        None => Target::Path(PathBuf::from(format!("{}.tar.gz", run.name))),
    };
    // The program's status is passed on, whatever becomes of the archive.
    if let Err(failure) = keep(&run, pid, &folder.0, &target) {
        eprintln!("error: {failure}");
    }
    Ok(Status::Of(child::code(status)))
}

/// Before the program runs, for hours perhaps.
fn check(output: Option<&str>) -> Result<(), Failure> {
    let Some(path) = output.filter(|path| *path != "-").map(Path::new) else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() || !folder.is_dir() {
        return said(format!("cannot write {}: it is a folder, or its folder is not there", path.display()));
    }
    Ok(())
}

fn keep(run: &Run, pid: u32, folder: &Path, target: &Target) -> Result<(), Failure> {
    let mut all = snapshots(folder)?;
    let own = match all.iter().position(|(of, _)| *of == pid) {
        Some(at) => all.swap_remove(at).1,
        // A shell that started the one that has a profiler.
        None if all.len() == 1 => all.remove(0).1,
        None => {
            return said(format!(
                "{} wrote no snapshot: it does not start perf-sdk or never drops its handle, or was killed, or its \
                 perf-sdk is older than {SNAPSHOT_FILE}",
                run.command
            ));
        }
    };
    let bytes =
        archive::write(run, &own, &all).map_err(|error| Failure::new(format!("cannot make the archive: {error}")))?;
    target.write(&bytes)?;
    target.say_written(bytes.len());
    Ok(())
}

/// What processes wrote, by their ids. One that cannot be read is said and left out.
fn snapshots(folder: &Path) -> Result<Vec<(u32, Snapshot)>, Failure> {
    let entries =
        fs::read_dir(folder).map_err(|error| Failure::new(format!("cannot read {}: {error}", folder.display())))?;
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(OsStr::to_str).and_then(|name| name.strip_suffix(".json"));
        let Some(pid) = name.and_then(|name| name.parse().ok()) else { continue };
        match source::read(&path) {
            Ok(snapshot) => found.push((pid, snapshot)),
            Err(failure) => eprintln!("error: {failure}"),
        }
    }
    found.sort_by_key(|(pid, _)| *pid);
    Ok(found)
}

/// The characters that names of files have everywhere.
fn plain(name: &str) -> String {
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    if plain.is_empty() || plain.starts_with('.') { "program".to_owned() } else { plain }
}

/// A new folder that only this user can enter, removed with what is in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        const ATTEMPTS: u32 = 100;
        for attempt in 0..ATTEMPTS {
            let path = std::env::temp_dir().join(format!("perf-sdk-record-{}-{attempt}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Self(path)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

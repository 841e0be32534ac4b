//! Snapshot files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use struson::reader::{JsonReader as _, JsonStreamReader, ReaderError};
use struson::serde::SerializerError;
use struson::writer::{JsonStreamWriter, JsonWriter as _};

use super::json::Json;
use super::{FileError, ROOT, Snapshot};
use crate::base::descriptors::Kept;
use crate::base::new_file::NewFile;

/// Why something could not be read as a snapshot, from any source.
#[derive(Debug)]
pub(crate) enum Unread {
    Io(io::Error),
    Format(String),
}

impl Snapshot {
    /// Writes the snapshot as JSON, in the same form as `/snapshot`. An existing file is replaced
    /// atomically: a reader of `path` finds either the old or the new one, however many processes
    /// write it. Only this user can read it. What is no file, such as `/dev/stdout` or a pipe, is
    /// written into.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("perf-sdk-doc-{}.json", std::process::id()));
    /// let before = perf_sdk::snapshot();
    /// before.write_to(&path)?;
    /// assert_eq!(perf_sdk::snapshot::Snapshot::read_from(&path)?, before);
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), perf_sdk::snapshot::FileError>(())
    /// ```
    ///
    /// # Errors
    /// [`FileError::Io`]; then a file at `path` is unchanged.
    pub fn write_to(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = path.as_ref();
        self.write_file(path).map_err(|source| FileError::Io { path: path.to_owned(), source })
    }

    fn write_file(&self, path: &Path) -> io::Result<()> {
        // Root could replace a device. A link in /dev leads to what is open.
        let is_device = fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir());
        if is_device || path.starts_with("/dev") {
            let file = Kept::open(|| OpenOptions::new().write(true).open(path))?;
            let mut buffer = BufWriter::new(&*file);
            write_json(self, &mut buffer)?;
            return buffer.flush();
        }
        let mut file = BufWriter::new(NewFile::beside(path, ".", ".tmp")?);
        write_json(self, &mut file)?;
        file.into_inner()?.replace(path)
    }

    /// Reads a file that [`write_to`](Self::write_to) or `/snapshot` wrote.
    ///
    /// # Errors
    /// [`FileError::Io`]; [`FileError::Format`] for other contents.
    pub fn read_from(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let io = |source| FileError::Io { path: path.to_owned(), source };
        let format = |problem: String| FileError::Format { path: path.to_owned(), problem };
        let file = File::open(path).map_err(io)?;
        Self::of_json(BufReader::new(file)).map_err(|error| match error {
            Unread::Io(error) => io(error),
            Unread::Format(problem) => format(problem),
        })
    }

    /// Reads the JSON form, as [`write_to`](Self::write_to) and `/snapshot` write it.
    ///
    /// # Errors
    /// Any error of the reader; [`io::ErrorKind::InvalidData`] for other contents.
    pub fn read_json(from: impl io::Read) -> io::Result<Self> {
        Self::of_json(from).map_err(|error| match error {
            Unread::Io(error) => error,
            Unread::Format(problem) => io::Error::new(io::ErrorKind::InvalidData, problem),
        })
    }

    /// Reads the JSON form.
    pub(crate) fn of_json(from: impl io::Read) -> Result<Self, Unread> {
        let snapshot: Self = read(from)?;
        snapshot.check().map_err(Unread::Format)?;
        Ok(snapshot)
    }

    /// Checks that indices are valid, as documented for the types.
    fn check(&self) -> Result<(), String> {
        for (node, at) in self.tree.iter().zip(0_u32..) {
            if node.function as usize >= self.functions.len() {
                return Err(format!(
                    "node {at} of the tree refers to function {}, which does not exist",
                    node.function
                ));
            }
            if node.parent != ROOT && node.parent >= at {
                return Err(format!("node {at} of the tree comes before its parent {}", node.parent));
            }
        }
        Ok(())
    }
}

/// Writes one JSON document and a line end. It does not use `serde_json`, whose comparisons with
/// primitives break type inference in programs that only have it in their dependency tree.
pub(crate) fn write_json(value: &impl Serialize, to: &mut impl Write) -> io::Result<()> {
    // By a reference to a trait object, so that a type is compiled for one writer only.
    let to: &mut dyn Write = to;
    let mut writer = JsonStreamWriter::new(&mut *to);
    writer.serialize_value(value).map_err(|error| match error {
        SerializerError::IoError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    })?;
    writer.finish_document()?;
    writeln!(to)
}

/// Reads what [`write_json`] wrote, or says why it cannot be read.
pub(crate) fn read_json<T: DeserializeOwned>(from: impl io::Read) -> Result<T, String> {
    read(from).map_err(|error| match error {
        Unread::Io(error) => error.to_string(),
        Unread::Format(problem) => problem,
    })
}

fn read<T: DeserializeOwned>(mut from: impl io::Read) -> Result<T, Unread> {
    let value = document(&mut from).map_err(|error| match error {
        ReaderError::IoError { error, .. } => Unread::Io(error),
        other => Unread::Format(other.to_string()),
    })?;
    T::deserialize(value).map_err(|error| Unread::Format(error.to_string()))
}

fn document(from: &mut dyn io::Read) -> Result<Json, ReaderError> {
    let mut reader = JsonStreamReader::new(from);
    let value = Json::read(&mut reader)?;
    reader.consume_trailing_whitespace()?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::path::PathBuf;

    use super::*;
    use crate::histogram::{Histogram, Scale};
    use crate::snapshot::{CallNode, Exemplar, Function, FutureTotals};

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("perf-sdk-{}-{name}", std::process::id()))
    }

    fn snapshot() -> Snapshot {
        let mut function =
            Function { name: "Näme::\"f\"\n".into(), module: "m".into(), line: 7, ..Function::default() };
        function.wall.record(0, 1);
        function.wall.record(u64::MAX, 3);
        let mut bytes = Histogram::new(Scale::Bytes);
        bytes.record(4_096, 2);
        function.bytes = Some(bytes);
        function.exclusive.wall_ns = i64::MIN;
        function.future = Some(FutureTotals { polls: 2, ..FutureTotals::default() });
        function.exemplars = vec![Exemplar { trace_id: "ab".into(), ..Exemplar::default() }];
        let tree = vec![
            CallNode { parent: ROOT, calls: 4, ..CallNode::default() },
            CallNode { parent: 0, calls: 1, ..CallNode::default() },
        ];
        let mut snapshot = Snapshot { functions: vec![function], tree, has_allocations: true, ..Snapshot::default() };
        snapshot.profiler.dropped.insert("depth".into(), 5);
        snapshot
    }

    #[test]
    fn a_written_snapshot_is_read_again() {
        let (path, snapshot) = (path("roundtrip.json"), snapshot());
        for expected in [Snapshot::default(), snapshot] {
            expected.write_to(&path).unwrap();
            assert_eq!(Snapshot::read_from(&path).unwrap(), expected);
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn errors_name_the_file_and_the_cause() {
        let missing = path("missing/one.json");
        for error in [Snapshot::read_from(&missing).unwrap_err(), snapshot().write_to(&missing).unwrap_err()] {
            assert!(error.to_string().contains("one.json") && error.source().is_some(), "{error}");
        }
        let path = path("bad.json");
        let mut loop_in_tree = snapshot();
        loop_in_tree.tree[1].parent = 1;
        loop_in_tree.write_to(&path).unwrap();
        let loops = std::fs::read_to_string(&path).unwrap();
        let mut unknown_function = snapshot();
        unknown_function.tree[0].function = 1;
        unknown_function.write_to(&path).unwrap();
        let dangles = std::fs::read_to_string(&path).unwrap();
        let cut = &loops[..loops.len() / 2];
        for (text, expected) in [
            ("", "at"),
            ("{}", "taken_at_unix_ns"),
            ("[1]", "snapshot"),
            (cut, "at"),
            (&loops, "parent"),
            (&dangles, "function 1"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Snapshot::read_from(&path).unwrap_err();
            assert!(matches!(error, FileError::Format { .. }), "{error:?}");
            let message = error.to_string();
            assert!(message.contains("bad.json") && message.to_lowercase().contains(expected), "{message}");
        }
        std::fs::remove_file(&path).unwrap();
    }

    const WRITERS: usize = 4;
    const WRITES: usize = 25;

    /// Writes snapshots of different lengths to one path, from several threads.
    fn write_from_threads(path: &Path) {
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                scope.spawn(move || {
                    for n in 0..WRITES {
                        let mut own = snapshot();
                        own.window_ns = 7;
                        own.functions = vec![own.functions[0].clone(); 1 + (writer * 13 + n) % 40];
                        own.write_to(path).unwrap();
                    }
                });
            }
        });
    }

    /// If set, this process is one of the writers.
    const WRITER: &str = "PERF_SDK_TEST_SNAPSHOT_WRITER";

    #[cfg(not(miri))]
    #[test]
    fn writers_of_one_file_do_not_meet() {
        if let Some(path) = std::env::var_os(WRITER) {
            return write_from_threads(Path::new(&path));
        }
        let folder = path("writers");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("one.json");
        snapshot().write_to(&path).unwrap();
        let process = || {
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "snapshot::file::tests::writers_of_one_file_do_not_meet"])
                .env(WRITER, &path)
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        };
        let mut processes = [process(), process()];
        let mut reads = 0;
        while processes.iter_mut().any(|process| process.try_wait().unwrap().is_none()) {
            // It is complete, or this is an error.
            Snapshot::read_from(&path).unwrap();
            reads += 1;
        }
        assert!(processes.iter_mut().all(|process| process.wait().unwrap().success()), "no write fails");
        assert!(reads > 0 && Snapshot::read_from(&path).unwrap().window_ns == 7);
        let left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["one.json"], "no temporary file is left");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(all(unix, not(miri)))]
    #[test]
    fn a_device_and_a_pipe_are_written_into() {
        use std::os::unix::fs::FileTypeExt as _;
        snapshot().write_to("/dev/null").unwrap();
        assert!(fs::symlink_metadata("/dev/null").unwrap().file_type().is_char_device());
        let pipe = path("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = {
            let pipe = pipe.clone();
            std::thread::spawn(move || Snapshot::read_from(pipe).unwrap())
        };
        snapshot().write_to(&pipe).unwrap();
        assert_eq!(reader.join().unwrap(), snapshot());
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        fs::remove_file(&pipe).unwrap();
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = path("folder");
        std::fs::create_dir_all(folder.join("inside")).unwrap();
        assert!(snapshot().write_to(&folder).is_err());
        assert!(folder.join("inside").exists());
        assert_eq!(
            std::fs::read_dir(folder.parent().unwrap())
                .unwrap()
                .flatten()
                .filter(|entry| { entry.path().to_string_lossy().contains(&format!("{}-folder-", std::process::id())) })
                .count(),
            0,
            "no half-written file is left"
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

//! The file, while it is open.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::FileError;
use super::lock::lock;
use super::record::{self, HEADER, LONGEST, MAGIC, VERSION};
use crate::base::descriptors::Kept;
use crate::base::new_file;
use crate::base::process_identity::Process;

/// From this size on the file is written anew, with what memory has.
const REWRITTEN_AT: u64 = 28 << 20;
/// Where that fails, nothing is written beyond this size: with a file that is being written beside
/// it, which has less than 10 MiB, it is less than 64 MiB.
const LARGEST: u64 = 48 << 20;
/// How often, and with which pauses, a file is tried that another process has locked.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);
/// Records that wait to be written.
const BUFFER: usize = 64 << 10;
/// Bytes of memory that a file takes.
pub(crate) const FILE_MEMORY: usize = BUFFER + LONGEST + 64;

/// What happened to the file since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(dead_code, reason = "for tests")]
pub(crate) struct FileCounts {
    pub(crate) bytes: u64,
    /// Found at the start: whole records, damaged stretches between them and their bytes, bytes of
    /// a damaged end, records that make no sense.
    pub(crate) read_records: u64,
    pub(crate) damaged: u64,
    pub(crate) damaged_bytes: u64,
    pub(crate) dropped_tail_bytes: u64,
    pub(crate) senseless_records: u64,
    pub(crate) writes: u64,
    pub(crate) failed_writes: u64,
    pub(crate) rewrites: u64,
    pub(crate) failed_rewrites: u64,
    /// Why a write failed last, in the words of the system.
    pub(crate) last_failure: Option<io::ErrorKind>,
}

#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Kept<File>,
    buffer: Vec<u8>,
    /// All before is whole.
    length: u64,
    /// Something may stand behind it.
    is_torn: bool,
    /// Something was not written that others refer to.
    has_lost: bool,
    /// At which size the file is written anew.
    pub(in crate::history) rewritten_at: u64,
    process: Process,
    pub(super) counts: FileCounts,
    /// What the disk has room for.
    #[cfg(test)]
    pub(in crate::history) room: u64,
}

impl Journal {
    /// Opens or creates a file, and hands its records to `each`, which says whether they make
    /// sense.
    pub(in crate::history) fn open(path: &Path, mut each: impl FnMut(u8, &[u8]) -> bool) -> Result<Self, FileError> {
        let mut file = opened(path)?;
        let failed = |doing| move |source| FileError::System { doing, source };
        let mut counts = FileCounts::default();
        let mut header = Vec::with_capacity(HEADER);
        Read::by_ref(&mut *file).take(HEADER as u64).read_to_end(&mut header).map_err(failed("reading"))?;
        let length = if header.len() < HEADER && record::header().starts_with(&header) {
            // New, or it was being created when the process ended.
            counts.dropped_tail_bytes = header.len() as u64;
            file.set_len(0).map_err(failed("emptying"))?;
            file.seek(SeekFrom::Start(0)).map_err(failed("seeking"))?;
            file.write_all(&record::header()).map_err(failed("writing"))?;
            HEADER as u64
        } else {
            let Some(rest) = header.strip_prefix(MAGIC) else {
                return Err(FileError::Foreign);
            };
            let version = rest.first_chunk().map_or(0, |version| u32::from_le_bytes(*version));
            if !(1..=VERSION).contains(&version) {
                return Err(FileError::Version { found: version });
            }
            let seen = record::read(&mut *file, |kind, payload| {
                counts.senseless_records += u64::from(!each(kind, payload));
            })
            .map_err(failed("reading"))?;
            (counts.read_records, counts.damaged) = (seen.records, seen.damaged);
            (counts.damaged_bytes, counts.dropped_tail_bytes) = (seen.damaged_bytes, seen.tail_bytes);
            if version < VERSION {
                // What is written from now on an earlier program would not understand.
                file.seek(SeekFrom::Start(0)).map_err(failed("seeking"))?;
                file.write_all(&record::header()).map_err(failed("writing"))?;
            }
            HEADER as u64 + seen.end
        };
        let mut journal = Self {
            path: path.to_owned(),
            file,
            buffer: Vec::with_capacity(FILE_MEMORY),
            length: 0,
            is_torn: false,
            has_lost: counts.damaged > 0 || counts.dropped_tail_bytes > 0,
            rewritten_at: REWRITTEN_AT,
            process: Process::current(),
            counts,
            #[cfg(test)]
            room: u64::MAX,
        };
        journal.length = length;
        journal.is_torn = true;
        journal.mend().map_err(failed("cutting off a damaged end"))?;
        journal.counts.bytes = length;
        Ok(journal)
    }

    pub(crate) fn counts(&self) -> FileCounts {
        self.counts
    }

    /// In a forked child the file is the parent's.
    pub(in crate::history) fn is_ours(&self) -> bool {
        self.process.is_current()
    }

    /// Whether a record may be missing that others refer to. Asking answers it.
    pub(super) fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.has_lost)
    }

    pub(super) fn record(&mut self, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) {
        record::write(&mut self.buffer, kind, fill);
        if self.buffer.len() >= BUFFER {
            self.flush();
        }
    }

    /// Writes the records that wait. Where that fails they are lost, which is counted.
    pub(in crate::history) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        match self.write() {
            Ok(()) => {
                self.length += self.buffer.len() as u64;
                self.counts.writes += 1;
                self.counts.bytes = self.length;
            }
            Err(error) => {
                self.counts.failed_writes += 1;
                self.counts.last_failure = Some(error.kind());
                (self.is_torn, self.has_lost) = (true, true);
                // A part of a record must not stay where the disk is full.
                let _ = self.mend();
            }
        }
        self.buffer.clear();
    }

    fn write(&mut self) -> io::Result<()> {
        self.mend()?;
        if self.length + self.buffer.len() as u64 > LARGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        #[cfg(test)]
        if self.room < self.buffer.len() as u64 {
            self.file.write_all(&self.buffer[..self.room as usize])?;
            self.room = 0;
            return Err(io::ErrorKind::StorageFull.into());
        }
        #[cfg(test)]
        {
            self.room -= self.buffer.len() as u64;
        }
        self.file.write_all(&self.buffer)
    }

    /// Cuts off what is not whole.
    fn mend(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            self.is_torn = false;
        }
        Ok(())
    }

    /// Whether the file should be written anew.
    pub(in crate::history) fn is_long(&self) -> bool {
        self.length >= self.rewritten_at
    }

    /// Puts a new file in the place of this one, with what `fill` records.
    pub(in crate::history) fn rewrite(&mut self, fill: impl FnOnce(&mut Self)) {
        self.flush();
        let beside = beside(&self.path);
        // Whoever left it there does not run any more: this process has the lock.
        let _ = fs::remove_file(&beside);
        let new = match new_file::create(&beside) {
            Ok(new) => new,
            Err(error) => return self.failed_rewrite(&error),
        };
        let (old, length) = (std::mem::replace(&mut self.file, new), self.length);
        (self.length, self.is_torn) = (0, false);
        let failures = self.counts.failed_writes;
        self.buffer.extend_from_slice(&record::header());
        fill(self);
        self.flush();
        let locked = if self.counts.failed_writes == failures {
            lock(&self.file).and_then(|()| self.file.sync_data()).and_then(|()| fs::rename(&beside, &self.path))
        } else {
            Err(self.counts.last_failure.unwrap_or(io::ErrorKind::Other).into())
        };
        match locked {
            Ok(()) => {
                self.counts.rewrites += 1;
                self.has_lost = false;
                self.rewritten_at = self.rewritten_at.min(REWRITTEN_AT).max(self.length * 2);
            }
            Err(error) => {
                (self.file, self.length, self.is_torn, self.has_lost) = (old, length, true, true);
                let _ = fs::remove_file(&beside);
                self.failed_rewrite(&error);
            }
        }
        self.counts.bytes = self.length;
    }

    /// Tries it again when the file has grown by 1 MiB.
    fn failed_rewrite(&mut self, error: &io::Error) {
        self.counts.failed_rewrites += 1;
        self.counts.last_failure = Some(error.kind());
        self.rewritten_at = self.length.min(LARGEST - (2 << 20)) + (1 << 20);
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

/// The file, locked.
fn opened(path: &Path) -> Result<Kept<File>, FileError> {
    let failed = |doing| move |source| FileError::System { doing, source };
    let mut tries = 0;
    loop {
        // A pipe would wait for who writes it.
        match fs::metadata(path) {
            Ok(known) if !known.is_file() => return Err(FileError::NotAFile),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("looking at it")(error)),
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = Kept::open(|| options.open(path)).map_err(failed("opening"))?;
        match lock(&file) {
            Ok(()) => {}
            // A child that is being forked has it until it has closed the parent's descriptors.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && tries < TRIES => {
                tries += 1;
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(FileError::Locked);
            }
            Err(error) => return Err(failed("locking")(error)),
        }
        // Whoever had it locked may have put another file in its place.
        let own = file.metadata().map_err(failed("looking at it"))?;
        if is_same(&own, path) {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn is_same(own: &fs::Metadata, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (own.dev(), own.ino()))
}

#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &Path) -> bool {
    true
}

//! The history in a file, so that it outlives the process.
//!
//! Every 10 seconds a few records are appended. When the file is long, a new one with what memory
//! has is put in its place.
//!
//! | file | job |
//! |---|---|
//! | `record`, `crc` | bytes with a checksum, and what is still whole of them |
//! | `contents` | what stands in them |
//! | `journal` | the file while it is open |
//! | `lock`, `error` | one process a file, and why there is none |

mod contents;
mod crc;
mod error;
mod journal;
mod lock;
mod record;

pub(super) use contents::{WAITED_FOR, append, checkpoint, restore};
pub(crate) use error::FileError;
pub(super) use journal::Journal;
pub(crate) use journal::{FILE_MEMORY, FileCounts};

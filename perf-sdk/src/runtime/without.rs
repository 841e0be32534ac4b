//! Parts of the profiler that are missing because the system provides no thread.

use std::io;

use crate::base::notice::say;
use crate::error::Error;

/// The parts that are missing, and why.
#[derive(Debug, Default)]
pub(super) struct Without {
    what: Vec<&'static str>,
    why: Option<io::Error>,
}

impl Without {
    /// The part that was started. `None` if it is missing.
    ///
    /// # Errors
    /// The part is missing, and the user asked for it by the setting `asked`.
    pub(super) fn unless_asked<T>(
        &mut self,
        what: &'static str,
        asked: Option<&'static str>,
        started: io::Result<T>,
    ) -> Result<Option<T>, Error> {
        let source = match started {
            Ok(started) => return Ok(Some(started)),
            Err(source) => source,
        };
        crate::record::refused_thread();
        match asked {
            Some(key) => Err(Error::Thread { key, source }),
            None => {
                self.what.push(what);
                self.why = Some(source);
                Ok(None)
            }
        }
    }

    /// Prints one line if any part is missing.
    pub(super) fn say(&self) {
        if let Some(why) = &self.why {
            say(&format!("without {}: the system gave no thread: {why}", self.what.join(", ")));
        }
    }
}

//! What is done without where the system gives no thread.

use std::io;

use crate::base::notice::say;
use crate::error::Error;

/// What the system gave no thread for.
#[derive(Debug, Default)]
pub(super) struct Without {
    what: Vec<&'static str>,
    why: Option<io::Error>,
}

impl Without {
    /// What was started; `None` if it is done without; an error if it was asked for by the name
    /// `asked`.
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

    /// One line, if anything is missing.
    pub(super) fn say(&self) {
        if let Some(why) = &self.why {
            say(&format!("without {}: the system gave no thread: {why}", self.what.join(", ")));
        }
    }
}

//! The text of a site's last error.

use std::fmt::{self, Display, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::memory;
use crate::record::store::dropped::{self, Reason};
use crate::scope::{MAX_ERROR_BYTES as MAX_BYTES, Site};

/// Text that is cut at a limit, at a character boundary.
struct Limited {
    text: String,
}

impl Write for Limited {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let left = MAX_BYTES - self.text.len();
        if part.len() <= left {
            self.text.push_str(part);
            return Ok(());
        }
        let end = (0..=left).rev().find(|end| part.is_char_boundary(*end)).unwrap_or(0);
        self.text.push_str(&part[..end]);
        // Stops the formatting, because nothing more fits.
        Err(fmt::Error)
    }
}

/// Stores the text of `error`, cut to 256 bytes, as the last error of `site`. If its `Display`
/// panics, that is counted, and the panic does not propagate.
#[cold]
pub(crate) fn note_error(site: &'static Site, error: &dyn Display) {
    let kept = memory::uncounted(|| {
        let mut limited = Limited { text: String::with_capacity(MAX_BYTES) };
        let shown = catch_unwind(AssertUnwindSafe(|| {
            // An error here only means that the limit was reached.
            let _ = write!(limited, "{error}");
        }));
        shown.is_ok() && site.last_error().keep(&limited.text)
    });
    if !kept {
        dropped::count(Reason::ErrorText);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let mut limited = Limited { text: String::new() };
        assert!(write!(limited, "{}é", "x".repeat(255)).is_err());
        assert_eq!(limited.text.len(), 255);
        assert!(write!(limited, "y").is_ok());
        assert_eq!(limited.text.len(), 256);
    }
}

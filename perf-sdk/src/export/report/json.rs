//! JSON: the snapshot itself, as files hold it.

use std::io::{self, Write};

use serde::Serialize;

use crate::snapshot::write_json;

/// Writes `value` as one JSON document.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::InvalidData`] for what JSON cannot say.
pub fn write(value: &impl Serialize, to: &mut impl Write) -> io::Result<()> {
    write_json(value, to)
}

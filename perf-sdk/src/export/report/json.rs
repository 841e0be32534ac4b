//! The snapshot as JSON, in the form that files have.

use std::io::{self, Write};

use serde::Serialize;

use crate::snapshot::write_json;

/// Writes `value` as one JSON document.
///
/// # Errors
/// Any error of the writer; [`io::ErrorKind::InvalidData`] for values that JSON cannot represent.
pub fn write(value: &impl Serialize, to: &mut impl Write) -> io::Result<()> {
    write_json(value, to)
}

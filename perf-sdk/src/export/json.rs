//! JSON, without the crate whose comparisons with primitives break type inference in the user's program.

use std::io::{self, Write};

use serde::Serialize;
use struson::serde::SerializerError;
use struson::writer::{JsonStreamWriter, JsonWriter as _};

/// Writes `value` as one JSON document.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::InvalidData`] for what JSON cannot say.
pub fn write(value: &impl Serialize, to: &mut impl Write) -> io::Result<()> {
    let mut writer = JsonStreamWriter::new(&mut *to);
    writer.serialize_value(value).map_err(|error| match error {
        SerializerError::IoError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    })?;
    writer.finish_document()?;
    writeln!(to)
}

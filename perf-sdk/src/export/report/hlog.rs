//! HDR interval logs: one interval, with one tagged histogram for each function.

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag};

use crate::export::safe;
use crate::snapshot::Snapshot;

/// The log's maximum column is in milliseconds, and the histograms are in nanoseconds.
const NS_PER_MS: f64 = 1e6;

/// Writes the wall-time histogram of every function that was called, tagged `module::name`.
///
/// # Errors
/// Any error of the writer.
pub fn write(snapshot: &Snapshot, to: &mut impl Write) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    let end = Duration::from_nanos(snapshot.taken_at_unix_ns);
    let length = Duration::from_nanos(snapshot.window_ns);
    let start = end.saturating_sub(length);
    let mut builder = IntervalLogWriterBuilder::new();
    builder.with_start_time(UNIX_EPOCH + start).with_base_time(UNIX_EPOCH + start).with_max_value_divisor(NS_PER_MS);
    let mut log = builder.begin_log_with(to, &mut serializer)?;
    for function in snapshot.functions.iter().filter(|function| !function.wall.is_empty()) {
        let tag = safe::tag(&function.full_name());
        log.write_histogram(&function.wall.to_hdr(), Duration::ZERO, length, Tag::new(&tag)).map_err(|error| {
            match error {
                IntervalLogWriterError::IoError(error) => error,
                other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
            }
        })?;
    }
    Ok(())
}

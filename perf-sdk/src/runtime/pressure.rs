//! How short memory is: of what is nearest to its limit.

use std::io;

use crate::base::background::Background;
use crate::monitor::MemoryReader;
use crate::pool::{Thresholds, Used};
use crate::settings::{ByteSize, Settings};

/// The thread that looks whether memory is short.
pub(super) fn watch(settings: &Settings) -> io::Result<Background> {
    let own_limit = settings.memory_limit.map(ByteSize::as_bytes);
    let thresholds =
        settings.pressure.map(|shares| Thresholds { high: shares.high.ratio(), critical: shares.critical.ratio() });
    let mut reader = MemoryReader::new();
    let enter = || -> Box<dyn std::any::Any> { Box::new(crate::record::OwnThread::enter()) };
    crate::pool::watch_pressure(thresholds, Box::new(move || memory_used(&mut reader, own_limit)), enter)
}

/// Of what is nearest to its limit, the program's own among them.
fn memory_used(reader: &mut MemoryReader, own_limit: Option<u64>) -> Option<Used> {
    let own = own_limit.and_then(|limit| Some((crate::monitor::process()?.resident_bytes, limit)));
    let all = own.into_iter().chain(reader.read());
    let share = |(used, limit): &(u64, u64)| *used as f64 / *limit as f64;
    let (used_bytes, limit_bytes) = all.max_by(|a, b| share(a).total_cmp(&share(b)))?;
    Some(Used { used_bytes, limit_bytes })
}

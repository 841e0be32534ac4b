//! Prometheus text format 0.0.4.

use std::io::{self, Write};

use super::family::{Encoding, Head, Kind, Metric};
use super::text::{Escaped, Lines};

/// Every server reads this format. It has no exemplars and no native histograms.
pub(super) struct Prometheus<'a> {
    to: &'a mut Vec<u8>,
    lines: &'a mut Lines,
}

impl<'a> Prometheus<'a> {
    pub(super) fn new(to: &'a mut Vec<u8>, lines: &'a mut Lines) -> Self {
        Self { to, lines }
    }
}

impl Encoding for Prometheus<'_> {
    fn family(
        &mut self,
        head: &Head<'_>,
        begins: bool,
        metrics: &mut dyn Iterator<Item = Metric<'_>>,
    ) -> io::Result<()> {
        if begins {
            let kind = match head.kind {
                Kind::Counter => "counter",
                Kind::Gauge | Kind::Info => "gauge",
                Kind::Histogram => "histogram",
                Kind::Summary => "summary",
                Kind::Unknown => "untyped",
            };
            let name = &head.name;
            if !head.help.is_empty() {
                writeln!(self.to, "# HELP {name} {}", Escaped { text: &head.help, quotes: false })?;
            }
            writeln!(self.to, "# TYPE {name} {kind}")?;
        }
        self.lines.write(self.to, &head.name, metrics, false)
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

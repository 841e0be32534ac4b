//! The observations of the load generator.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Requests by outcome, and the latency of the answered ones.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// In microseconds, from the time at which the question was due.
    latency: Histogram<u64>,
    statuses: BTreeMap<u16, u64>,
    /// Abandoned by the user.
    abandoned: u64,
    /// Without any answer: the connection was refused or broke.
    broken: u64,
    elapsed: Duration,
}

impl Default for Tally {
    fn default() -> Self {
        let latency = Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("bounds and precision are in range");
        Self { latency, statuses: BTreeMap::new(), abandoned: 0, broken: 0, elapsed: Duration::ZERO }
    }
}

impl Tally {
    pub(crate) fn answered(&mut self, status: u16, latency: Duration) {
        *self.statuses.entry(status).or_default() += 1;
        self.latency.saturating_record((latency.as_micros() as u64).max(1));
    }

    pub(crate) fn abandoned(&mut self) {
        self.abandoned += 1;
    }

    pub(crate) fn broken(&mut self) {
        self.broken += 1;
    }

    /// Adds the observations of another user.
    pub(crate) fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency).expect("all have the same bounds");
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.abandoned += other.abandoned;
        self.broken += other.broken;
    }

    pub(crate) fn set_elapsed(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    fn answers(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Requests with an error or without an answer. Abandoned ones do not count.
    fn errors(&self) -> u64 {
        self.broken + self.statuses.iter().filter(|(status, _)| **status >= 400).map(|(_, count)| count).sum::<u64>()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answers, seconds) = (self.answers(), self.elapsed.as_secs_f64());
        let throughput = if seconds > 0.0 { answers as f64 / seconds } else { 0.0 };
        writeln!(f, "throughput  {throughput:.1} requests/s: {answers} answered in {seconds:.1} s")?;
        let milliseconds = |quantile| self.latency.value_at_quantile(quantile) as f64 / 1e3;
        let (p50, p95, p99) = (milliseconds(0.5), milliseconds(0.95), milliseconds(0.99));
        let max = self.latency.max() as f64 / 1e3;
        writeln!(f, "latency     p50 {p50:.2} ms, p95 {p95:.2} ms, p99 {p99:.2} ms, max {max:.2} ms")?;
        let rate = 100.0 * self.errors() as f64 / (answers + self.broken).max(1) as f64;
        write!(f, "errors      {rate:.2} %")?;
        let mut separator = ':';
        for (status, count) in self.statuses.iter().filter(|(status, _)| **status >= 400) {
            write!(f, "{separator} {count} {}", meaning(*status))?;
            separator = ',';
        }
        if self.broken > 0 {
            write!(f, "{separator} {} without an answer", self.broken)?;
        }
        if self.abandoned > 0 {
            write!(f, "; users left before {} answers", self.abandoned)?;
        }
        writeln!(f)
    }
}

fn meaning(status: u16) -> String {
    let words = match status {
        400 => "bad question",
        404 => "not found",
        500 => "failed",
        503 => "queue full",
        504 => "timed out",
        _ => return format!("with status {status}"),
    };
    format!("{words} ({status})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_quantiles_are_of_all_users() {
        let (mut one, mut two) = (Tally::default(), Tally::default());
        for millisecond in 1..=90 {
            one.answered(200, Duration::from_millis(millisecond));
        }
        for millisecond in 91..=98 {
            two.answered(400, Duration::from_millis(millisecond));
        }
        two.answered(504, Duration::from_millis(99));
        two.broken();
        two.abandoned();
        one.add(&two);
        one.set_elapsed(Duration::from_secs(2));
        let text = one.to_string();
        for part in
            ["49.5 requests/s: 99 answered", "p50 50.0", "p99 99.", "10.00 %: 8 bad question (400), 1 timed out (504),"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.contains("1 without an answer; users left before 1 answers"), "{text}");
    }

    #[test]
    fn a_tally_without_requests_has_no_errors() {
        assert!(Tally::default().to_string().contains("errors      0.00 %\n"));
    }
}

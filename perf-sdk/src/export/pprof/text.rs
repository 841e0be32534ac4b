//! Profiles as text: the response of Go's `net/http/pprof` to `?debug=1`.
//!
//! The text is derived from the binary profile, so both contain the same. `go tool pprof` reads it
//! too, by the addresses alone. In a line with `@`, addresses are return addresses: one more than
//! the address of the call.

use std::io::{self, Read as _, Write};

use flate2::read::GzDecoder;
use prost::Message as _;

use super::wire;
use crate::base::sort;
use crate::export::safe;

/// The form of Go's text that a profile has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Objects and bytes, in use and allocated.
    #[cfg_attr(not(feature = "heap"), allow(dead_code))]
    Heap,
    /// Waits for locks, by holder or by waiter.
    Contention {
        /// `mutex` or `contention`.
        name: &'static str,
    },
    /// One count, such as running calls or samples.
    Count {
        /// The name of what is counted.
        name: &'static str,
    },
}

/// Writes a gzipped profile of this crate as text.
///
/// # Errors
/// Any error of the writer, and of reading if `zipped` is not such a profile.
pub(crate) fn write_text(zipped: &[u8], listing: Listing, to: &mut impl Write) -> io::Result<()> {
    let mut plain = Vec::new();
    GzDecoder::new(zipped).read_to_end(&mut plain)?;
    let profile = wire::Profile::decode(plain.as_slice()).map_err(io::Error::other)?;
    Text { profile: &profile, listing }.write(to)
}

struct Text<'a> {
    profile: &'a wire::Profile,
    listing: Listing,
}

impl Text<'_> {
    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut samples: Vec<&wire::Sample> = self.profile.sample.iter().collect();
        let sum = |at: usize| samples.iter().map(|sample| value(sample, at)).sum::<i64>();
        match self.listing {
            // With a rate of one byte, readers scale nothing. The figures are estimates already.
            Listing::Heap => {
                // The format cannot represent a sum that decreased.
                let [all_objects, all_bytes, objects, bytes] = [0, 1, 2, 3].map(|at| sum(at).max(0));
                writeln!(to, "heap profile: {objects}: {bytes} [{all_objects}: {all_bytes}] @ heap/2")?;
            }
            Listing::Contention { name } => {
                // One cycle is one nanosecond.
                writeln!(to, "--- {name}:\ncycles/second=1000000000")?;
                if name == "mutex" {
                    writeln!(to, "sampling period=1")?;
                }
            }
            Listing::Count { name } => writeln!(to, "{name} profile: total {}", sum(0))?,
        }
        let first = match self.listing {
            Listing::Heap => 3,
            Listing::Contention { .. } => 1,
            Listing::Count { .. } => 0,
        };
        sort::sort_by_key(&mut samples, |sample| std::cmp::Reverse(value(sample, first)));
        for sample in samples {
            self.sample(sample, to)?;
        }
        for comment in &self.profile.comment {
            writeln!(to, "# {}", safe::line(self.text(*comment)))?;
        }
        Ok(())
    }

    fn sample(&self, sample: &wire::Sample, to: &mut impl Write) -> io::Result<()> {
        // What was allocated in a window, and waits, are never negative.
        let at_least_0 = |at: usize| value(sample, at).max(0);
        match self.listing {
            Listing::Heap => {
                // Readers reject bytes without an object, which rounding of an estimate may
                // produce.
                let pair = |objects: i64, bytes: i64| (if objects == 0 { bytes.signum() } else { objects }, bytes);
                let (objects, bytes) = pair(value(sample, 2), value(sample, 3));
                let (all_objects, all_bytes) = pair(at_least_0(0), at_least_0(1));
                write!(to, "{objects}: {bytes} [{all_objects}: {all_bytes}] @")?;
            }
            Listing::Contention { .. } => write!(to, "{} {} @", at_least_0(1), at_least_0(0))?,
            Listing::Count { .. } => write!(to, "{} @", at_least_0(0))?,
        }
        let locations: Vec<&wire::Location> = sample.location_id.iter().filter_map(|id| self.location(*id)).collect();
        for location in &locations {
            write!(to, " {:#x}", location.address.saturating_add(1))?;
        }
        if locations.is_empty() {
            // Readers reject a count without an address.
            to.write_all(b" 0x1")?;
        }
        to.write_all(b"\n")?;
        if !sample.label.is_empty() {
            let labels =
                sample.label.iter().map(|label| format!("{:?}:{:?}", self.text(label.key), self.text(label.str)));
            writeln!(to, "# labels: {{{}}}", labels.collect::<Vec<_>>().join(", "))?;
        }
        for location in locations {
            for line in &location.line {
                let function = line.function_id.checked_sub(1).and_then(|at| self.profile.function.get(at as usize));
                let Some(function) = function else { continue };
                write!(to, "#\t{:#x}\t{}", location.address, safe::line(self.text(function.name)))?;
                if function.filename != 0 {
                    write!(to, "\t{}:{}", safe::line(self.text(function.filename)), line.line)?;
                }
                to.write_all(b"\n")?;
            }
        }
        to.write_all(b"\n")
    }

    fn location(&self, id: u64) -> Option<&wire::Location> {
        self.profile.location.get(usize::try_from(id.checked_sub(1)?).ok()?)
    }

    fn text(&self, number: i64) -> &str {
        usize::try_from(number).ok().and_then(|number| self.profile.string_table.get(number)).map_or("", String::as_str)
    }
}

fn value(sample: &wire::Sample, at: usize) -> i64 {
    sample.value.get(at).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::builder::{Builder, Header, Scope};
    use super::*;

    fn text(listing: Listing, samples: &[(&[&str], &[i64])]) -> String {
        let mut profile = Builder::default();
        for (names, values) in samples {
            let scope = |name: &&str| Scope { name: (*name).to_owned(), file: "a.rs".to_owned(), line: 7 };
            let locations = names.iter().map(|name| profile.scope(&scope(name))).collect();
            profile.sample(locations, values.to_vec(), &[("scope", names.first().copied().unwrap_or(""))]);
        }
        let header = Header {
            types: &[],
            opens: 0,
            period: (("", ""), 1),
            taken_at_unix_ns: 0,
            window_ns: 0,
            comments: vec!["how it was made".to_owned()],
        };
        let (mut zipped, mut text) = (Vec::new(), Vec::new());
        profile.write(&header, &mut zipped).unwrap();
        write_text(&zipped, listing, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn each_kind_has_go_s_form() {
        let count =
            text(Listing::Count { name: "goroutine" }, &[(&["m::a"], &[1]), (&["m::b", "m::a"], &[3]), (&[], &[2])]);
        let lines: Vec<&str> = count.lines().collect();
        assert_eq!(lines[0], "goroutine profile: total 6");
        let addresses: Vec<&str> = lines[1].strip_prefix("3 @ ").unwrap().split(' ').collect();
        assert_eq!(lines[2], "# labels: {\"scope\":\"m::b\"}");
        let number = |text: &str| u64::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap();
        for (line, (address, name)) in lines[3..5].iter().zip(addresses.iter().zip(["m::b", "m::a"])) {
            assert_eq!(*line, format!("#\t{:#x}\t{name}\ta.rs:7", number(address) - 1));
        }
        assert_eq!(lines[5..7], ["", "2 @ 0x1"], "the most first");
        assert!(count.contains("\n1 @ 0x") && count.ends_with("# how it was made\n"), "{count}");

        let heap = text(Listing::Heap, &[(&["m::a"], &[5, 50, -1, -10]), (&["m::b"], &[-2, -20, 0, 4])]);
        assert!(heap.starts_with("heap profile: 0: 0 [3: 30] @ heap/2\n1: 4 [0: 0] @ 0x"), "{heap}");
        assert!(heap.contains("\n-1: -10 [5: 50] @ 0x"), "{heap}");

        let waits: &[(&[&str], &[i64])] = &[(&["Mutex at a.rs:7", "m::a"], &[2, 900])];
        let mutex = text(Listing::Contention { name: "mutex" }, waits);
        assert!(mutex.starts_with("--- mutex:\ncycles/second=1000000000\nsampling period=1\n900 2 @ 0x"), "{mutex}");
        let block = text(Listing::Contention { name: "contention" }, waits);
        assert!(block.starts_with("--- contention:\ncycles/second=1000000000\n900 2 @ 0x"), "{block}");
    }
}

//! Network interfaces and connections of the process's network namespace.

use std::path::Path;

use crate::monitor::absences::absent;
use crate::monitor::file::{Buffer, Parts, Source};
use crate::monitor::named::Named;
use crate::monitor::text::{NOT_UNDERSTOOD, lines, number, words};
use crate::reading::{Description, Sheet, Unit};

static RECEIVED_BYTES: Description =
    Description::counter("node_network_receive_bytes_total", Unit::Bytes, "Bytes that a network interface received.");
static SENT_BYTES: Description =
    Description::counter("node_network_transmit_bytes_total", Unit::Bytes, "Bytes that a network interface sent.");
static RECEIVED: Description = Description::counter(
    "node_network_receive_packets_total",
    Unit::Count,
    "Packets that a network interface received.",
);
static SENT: Description =
    Description::counter("node_network_transmit_packets_total", Unit::Count, "Packets that a network interface sent.");
static RECEIVE_ERRORS: Description =
    Description::counter("node_network_receive_errs_total", Unit::Count, "Errors of a network interface in receiving.");
static SEND_ERRORS: Description =
    Description::counter("node_network_transmit_errs_total", Unit::Count, "Errors of a network interface in sending.");
static TCP: Description = Description::gauge(
    "node_sockstat_TCP_inuse",
    Unit::Count,
    "TCP sockets over IPv4 in use, connected and listening.",
);
static TCP6: Description = Description::gauge(
    "node_sockstat_TCP6_inuse",
    Unit::Count,
    "TCP sockets over IPv6 in use, connected and listening.",
);

static OF_INTERFACES: [&Description; 6] =
    [&RECEIVED_BYTES, &SENT_BYTES, &RECEIVED, &SENT, &RECEIVE_ERRORS, &SEND_ERRORS];
pub(super) static ALL: [&Description; 8] =
    [&RECEIVED_BYTES, &SENT_BYTES, &RECEIVED, &SENT, &RECEIVE_ERRORS, &SEND_ERRORS, &TCP, &TCP6];

#[derive(Debug)]
pub(super) struct Network {
    interfaces: Source,
    names: Named,
    sockets: Source,
    sockets6: Source,
}

impl Network {
    pub(super) fn of(root: &Path) -> Self {
        Self {
            interfaces: Source::new(root.join("proc/self/net/dev"), Parts::Many),
            names: Named::new(),
            sockets: Source::whole(root, "proc/self/net/sockstat"),
            sockets6: Source::whole(root, "proc/self/net/sockstat6"),
        }
    }

    pub(super) fn read(&mut self, buffer: &mut Buffer, into: &mut Sheet) {
        match self.interfaces.read(buffer) {
            Ok(text) => {
                self.names.begin_turn();
                let mut is_any = false;
                for (name, figures) in lines(text).filter_map(figures) {
                    // Many machines have a dozen that are never used.
                    if figures.iter().all(|figure| *figure == 0) {
                        continue;
                    }
                    let Some(labels) = self.names.labels("device", name, |_| true) else { continue };
                    is_any = true;
                    for (description, figure) in OF_INTERFACES.into_iter().zip(figures) {
                        into.push_of(description, &labels, figure as f64);
                    }
                }
                if !is_any {
                    absent(&OF_INTERFACES, "no interface carried anything", into);
                }
            }
            Err(why) => absent(&OF_INTERFACES, why, into),
        }
        into.push_or_absent(&TCP, self.sockets.read(buffer).and_then(|text| in_use(text, b"TCP:")));
        into.push_or_absent(&TCP6, self.sockets6.read(buffer).and_then(|text| in_use(text, b"TCP6:")));
    }
}

/// Of a line of `/proc/net/dev`, in the order of `OF_INTERFACES`. There may be no space after the
/// colon, and a colon in the name.
fn figures(line: &[u8]) -> Option<(&[u8], [u64; 6])> {
    let colon = line.iter().rposition(|byte| *byte == b':')?;
    let (name, rest) = (line[..colon].trim_ascii(), &line[colon + 1..]);
    let mut all = [0; 16];
    let mut words = words(rest);
    for figure in &mut all {
        *figure = number(words.next()?)?;
    }
    (!name.is_empty()).then_some((name, [all[0], all[8], all[1], all[9], all[2], all[10]]))
}

/// Of a line such as `TCP: inuse 5 orphan 0 tw 208 alloc 5 mem 290`.
fn in_use(text: &[u8], name: &[u8]) -> Result<f64, &'static str> {
    let mut words = lines(text).map(words).filter_map(|mut words| (words.next()? == name).then_some(words));
    let number = words.next().and_then(|mut words| {
        words.find(|word| *word == b"inuse")?;
        number(words.next()?)
    });
    number.map(|number| number as f64).ok_or(NOT_UNDERSTOOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_that_of_an_interface() {
        let expected = [1, 9, 2, 10, 3, 11];
        for (line, name) in [
            ("  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "eth0"),
            ("eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "eth0"),
            ("eth0:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "eth0:1"),
        ] {
            assert_eq!(figures(line.as_bytes()), Some((name.as_bytes(), expected)), "{line}");
        }
        for line in [
            "",
            "Inter-|   Receive",
            " face |bytes    packets errs",
            "eth0: 1 2 3",
            ": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
        ] {
            assert_eq!(figures(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn sockets_in_use_are_found_by_name() {
        let text = b"sockets: used 19\nTCP: inuse 5 orphan 0 tw 208 alloc 5 mem 290\nUDP: inuse 7 mem 0\n";
        assert_eq!((in_use(text, b"TCP:"), in_use(text, b"UDP:")), (Ok(5.0), Ok(7.0)));
        assert_eq!((in_use(text, b"sockets:"), in_use(text, b"RAW:")), (Err(NOT_UNDERSTOOD), Err(NOT_UNDERSTOOD)));
    }
}

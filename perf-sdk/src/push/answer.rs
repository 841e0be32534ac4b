//! Parses a server's response, as far as needed: the status, and some text if it is an error.

/// The maximum size of a response's head, and the maximum that is read of an error's body.
pub(super) const HEAD_BYTES: usize = 16 << 10;
pub(super) const TEXT_BYTES: usize = 1 << 10;
const MOST_HEADERS: usize = 64;
/// The maximum length of an error's text that is reported.
const TOLD: usize = 200;

/// The beginning of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// More must be read.
    Partial,
    /// The status, and the index at which the body begins.
    Complete { status: u16, body: usize },
    /// Not HTTP.
    Nonsense,
}

/// Parses the head at the beginning of `bytes`. Heads with a 1xx status are skipped.
pub(super) fn head(bytes: &[u8]) -> Head {
    let mut from = 0;
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&bytes[from..]) {
            // A server may send `100 Continue` endlessly, or a head without an end.
            _ if from > HEAD_BYTES => return Head::Nonsense,
            Ok(httparse::Status::Complete(length)) => match response.code {
                Some(100..200) => from += length,
                Some(status @ 200..600) => return Head::Complete { status, body: from + length },
                _ => return Head::Nonsense,
            },
            Ok(httparse::Status::Partial) if bytes.len() - from <= HEAD_BYTES => return Head::Partial,
            _ => return Head::Nonsense,
        }
    }
}

/// The text of a body for display, on one line.
pub(super) fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_they_come_in() {
        let whole = b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\nbody";
        assert_eq!(head(whole), Head::Complete { status: 204, body: whole.len() - 4 });
        for length in 0..whole.len() - 4 {
            assert_eq!(head(&whole[..length]), Head::Partial, "{length}");
        }
        let after = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\r\n\r\n";
        assert_eq!(head(after), Head::Complete { status: 200, body: after.len() });
        for nonsense in ["SSH-2.0-x\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 99 \r\n\r\n"] {
            assert_eq!(head(nonsense.as_bytes()), Head::Nonsense, "{nonsense}");
        }
        let continued = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000);
        assert_eq!(head(&continued), Head::Nonsense);
        let endless = [b"HTTP/1.1 200 OK\r\nA: ".as_slice(), &[b'a'; HEAD_BYTES]].concat();
        assert_eq!(head(&endless), Head::Nonsense);
    }

    #[test]
    fn the_text_of_an_error_is_short_and_on_one_line() {
        assert_eq!(words(b" too\x1b[1m many\r\nlabels \xff"), "too [1m many labels \u{fffd}");
        assert_eq!(words(&[b'a'; 1_000]).len(), TOLD);
    }
}

//! Parses a server's response, as far as needed: the status, and some text if it is an error.

use std::time::Duration;

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
    Complete(Answer),
    /// Not HTTP.
    Nonsense,
}

/// What a head says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The index at which the body begins.
    pub(super) body: usize,
    /// The length of the body, if it is declared.
    pub(super) length: Option<usize>,
    /// When to try again, if it says so in seconds.
    pub(super) retry_after: Option<Duration>,
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
                Some(status @ 200..600) => {
                    let number = |name: &str| {
                        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
                        std::str::from_utf8(found.value).ok()?.trim().parse::<u32>().ok()
                    };
                    return Head::Complete(Answer {
                        status,
                        body: from + length,
                        length: number("content-length").map(|length| length as usize),
                        retry_after: number("retry-after").map(|seconds| Duration::from_secs(seconds.into())),
                    });
                }
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
        let complete = |status, body| Head::Complete(Answer { status, body, ..Answer::default() });
        let whole = b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\nbody";
        assert_eq!(head(whole), complete(204, whole.len() - 4));
        for length in 0..whole.len() - 4 {
            assert_eq!(head(&whole[..length]), Head::Partial, "{length}");
        }
        let after = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\r\n\r\n";
        assert_eq!(head(after), complete(200, after.len()));
        let later = b"HTTP/1.1 503 \r\nretry-after: 7\r\nContent-Length: 12\r\n\r\n";
        let expected =
            Answer { status: 503, body: later.len(), length: Some(12), retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(head(later), Head::Complete(expected));
        let never = b"HTTP/1.1 503 \r\nRetry-After: Fri, 07 Nov 2036 23:59:59 GMT\r\n\r\n";
        assert_eq!(head(never), complete(503, never.len()));
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

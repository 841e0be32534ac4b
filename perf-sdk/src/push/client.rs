//! HTTP/1.1 over TCP: one request for each connection, no redirects, and of a response only a short
//! text is kept.
//!
//! This is a small client of our own, on the standard library. A full client would need more crates
//! than the default dependency tree may have.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use super::answer::{self, Answer, Head};
use crate::base::descriptors::Held;
use crate::settings::PushServer;

/// The timeout of a connection attempt.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// The maximum duration of one read or write, after which the end of the program is checked.
const SLICE: Duration = Duration::from_millis(50);

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    /// The path within the server's prefix, and the query.
    pub(crate) path: String,
    /// In addition to the headers that each request has.
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Vec<u8>,
    /// How many bytes of a successful response's body are read, if their number is declared.
    pub(crate) read_bytes: usize,
}

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No response, or one that is not HTTP. The request may be retried.
    Broken(String),
    /// The server rejected the request.
    Refused { status: u16, words: String, retry_after: Option<Duration> },
}

impl Failure {
    /// Whether a retry may succeed.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Refused { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
        }
    }
}

impl Failure {
    /// When to try again, if the server said so.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Broken(_) => None,
            Self::Refused { retry_after, .. } => *retry_after,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) => f.write_str(why),
            Self::Refused { status: status @ 300..400, .. } => {
                write!(f, "answered {status}: redirects are not followed")
            }
            Self::Refused { status, words, .. } if words.is_empty() => write!(f, "answered {status}"),
            Self::Refused { status, words, .. } => write!(f, "answered {status}: {words}"),
        }
    }
}

/// Sends `request`. `deadline` is called repeatedly, because the deadline may become earlier.
/// Returns what was read of the body, for which the request says how much it needs.
pub(crate) fn post(target: &PushServer, request: &Request, deadline: &dyn Fn() -> Instant) -> Result<Vec<u8>, Failure> {
    let broken = |what: &'static str| move |error: io::Error| Failure::Broken(format!("{what}: {error}"));
    let addresses = (target.host.as_str(), target.port).to_socket_addrs().map_err(broken("no address"))?;
    let mut stream = connect(addresses, deadline).map_err(broken("no connection"))?;
    let _held = Held::of(&stream);
    let mut head = format!(
        "POST {}{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nContent-Length: {}\r\nConnection: close\r\n",
        target.prefix,
        request.path,
        target.authority,
        concat!("perf-sdk/", env!("CARGO_PKG_VERSION")),
        request.body.len()
    );
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let sent = [head.as_bytes(), &request.body].into_iter().try_for_each(|part| send(&mut stream, part, deadline));
    // A server that rejects a request may respond before it has read it all. Its response says more
    // than the broken connection.
    let (mut answer, head) = match receive(&mut stream, request.read_bytes, deadline) {
        Ok((answer, head)) => (answer, head),
        Err(error) => return Err(broken("no answer")(sent.err().unwrap_or(error))),
    };
    match head {
        Answer { status: 200..300, body, .. } => Ok(answer.split_off(body)),
        Answer { status, body, retry_after, .. } => {
            Err(Failure::Refused { status, words: answer::words(&answer[body..]), retry_after })
        }
    }
}

/// Connects to the first address that accepts.
fn connect(addresses: impl Iterator<Item = SocketAddr>, deadline: &dyn Fn() -> Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, left(deadline)?.min(CONNECT_TIME)) {
            Ok(stream) => {
                stream.set_read_timeout(Some(SLICE))?;
                stream.set_write_timeout(Some(SLICE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The time until the deadline; an error if it has passed.
fn left(deadline: &dyn Fn() -> Instant) -> io::Result<Duration> {
    let left = deadline().saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::Error::new(io::ErrorKind::TimedOut, "not in time")) } else { Ok(left) }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

fn send(stream: &mut TcpStream, mut bytes: &[u8], deadline: &dyn Fn() -> Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        left(deadline)?;
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) if is_pause(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What was read, and what its head says. Of an error's body, it reads what arrives at once and a
/// little more; of another one `wanted` bytes at most.
fn receive(stream: &mut TcpStream, wanted: usize, deadline: &dyn Fn() -> Instant) -> io::Result<(Vec<u8>, Answer)> {
    let (mut answer, mut block) = (Vec::new(), [0; 1_024]);
    let mut known = None;
    loop {
        match answer::head(&answer) {
            Head::Complete(head) => {
                let most = match head.status {
                    200..300 => head.length.filter(|length| *length <= wanted).unwrap_or(0),
                    _ => answer::TEXT_BYTES,
                };
                if answer.len() - head.body >= most {
                    return Ok((answer, head));
                }
                known = Some(head);
            }
            Head::Partial => {}
            Head::Nonsense => return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP/1.1")),
        }
        // Once the status is known, a failure to read the rest is ignored.
        match (left(deadline), known) {
            (Err(_), Some(head)) => return Ok((answer, head)),
            (Err(over), None) => return Err(over),
            (Ok(_), _) => {}
        }
        match (stream.read(&mut block), known) {
            (Ok(0) | Err(_), Some(head)) => return Ok((answer, head)),
            (Ok(0), None) => return Err(io::ErrorKind::UnexpectedEof.into()),
            (Ok(read), _) => answer.extend_from_slice(&block[..read]),
            (Err(error), None) if is_pause(&error) => {}
            (Err(error), None) => return Err(error),
        }
    }
}

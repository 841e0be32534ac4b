//! HTTP/1.1 over TCP: one request for each connection, no redirects, and of a response only a short
//! text is kept.
//!
//! This is a small client of our own, on the standard library. A full client would need more crates
//! than the default dependency tree may have.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use super::answer::{self, Head};
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
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No response, or one that is not HTTP. The request may be retried.
    Broken(String),
    /// The server rejected the request.
    Refused { status: u16, words: String },
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) => f.write_str(why),
            Self::Refused { status: status @ 300..400, .. } => {
                write!(f, "answered {status}: redirects are not followed")
            }
            Self::Refused { status, words } if words.is_empty() => write!(f, "answered {status}"),
            Self::Refused { status, words } => write!(f, "answered {status}: {words}"),
        }
    }
}

/// Sends `request`. `deadline` is called repeatedly, because the deadline may become earlier.
pub(crate) fn post(target: &PushServer, request: &Request, deadline: &dyn Fn() -> Instant) -> Result<(), Failure> {
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
    let (answer, at) = match receive(&mut stream, deadline) {
        Ok((answer, at)) => (answer, at),
        Err(error) => return Err(broken("no answer")(sent.err().unwrap_or(error))),
    };
    match at {
        (200..300, _) => Ok(()),
        (status, body) => Err(Failure::Refused { status, words: answer::words(&answer[body..]) }),
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

/// What was read, the status, and the index at which the body begins. Of an error's body, it reads
/// what arrives at once and a little more.
fn receive(stream: &mut TcpStream, deadline: &dyn Fn() -> Instant) -> io::Result<(Vec<u8>, (u16, usize))> {
    let (mut answer, mut block) = (Vec::new(), [0; 1_024]);
    let mut status = None;
    loop {
        match answer::head(&answer) {
            Head::Complete { status: got @ 200..300, body } => return Ok((answer, (got, body))),
            Head::Complete { status: got, body } if answer.len() - body >= answer::TEXT_BYTES => {
                return Ok((answer, (got, body)));
            }
            Head::Complete { status: got, body } => status = Some((got, body)),
            Head::Partial => {}
            Head::Nonsense => return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP/1.1")),
        }
        // Once the status is known, a failure to read the error's text is ignored.
        match (left(deadline), status) {
            (Err(_), Some(at)) => return Ok((answer, at)),
            (Err(over), None) => return Err(over),
            (Ok(_), _) => {}
        }
        match (stream.read(&mut block), status) {
            (Ok(0) | Err(_), Some(at)) => return Ok((answer, at)),
            (Ok(0), None) => return Err(io::ErrorKind::UnexpectedEof.into()),
            (Ok(read), _) => answer.extend_from_slice(&block[..read]),
            (Err(error), None) if is_pause(&error) => {}
            (Err(error), None) => return Err(error),
        }
    }
}

//! A replacement for a Pyroscope server: handles requests one after the other, and answers as
//! instructed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// The action for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Reads it, and answers with this status and text.
    Answer(u16, &'static str),
    /// Reads it, and answers with these bytes.
    Say(&'static str),
    /// Does not answer, as long as the server exists.
    Hang,
    /// Closes the connection without reading.
    Close,
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The path of the request line.
    pub(crate) path: String,
    head: String,
    pub(crate) body: Vec<u8>,
    /// Whether it was answered with 200.
    pub(crate) is_taken: bool,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let is_it = |key: &str| key.eq_ignore_ascii_case(name);
        self.head.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| is_it(key)).map(|(_, value)| value))
    }

    /// A parameter of the query, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let query = self.path.split_once('?')?.1;
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        let (mut bytes, mut rest) = (Vec::new(), value.bytes());
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                byte => byte,
            });
        }
        String::from_utf8(bytes).ok()
    }
}

pub(crate) struct Receiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Calls `act` with the number of each request, from 0.
    pub(crate) fn start(act: impl Fn(usize) -> Act + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, is_over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (shared, over) = (Arc::clone(&requests), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            let mut hanging = Vec::new();
            for (number, stream) in listener.incoming().enumerate() {
                if over.load(SeqCst) {
                    break;
                }
                let stream = stream.unwrap();
                match act(number) {
                    Act::Close => drop(stream),
                    Act::Hang => {
                        shared.lock().unwrap().push(Request {
                            path: String::new(),
                            head: String::new(),
                            body: Vec::new(),
                            is_taken: false,
                        });
                        hanging.push(stream);
                    }
                    act => {
                        if let Some(request) = serve(stream, act) {
                            shared.lock().unwrap().push(request);
                        }
                    }
                }
            }
        });
        Self { address, requests, is_over, thread: Some(thread) }
    }

    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("http://{}{prefix}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.is_over.store(true, SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// `None` if the peer has closed the connection.
fn serve(mut stream: TcpStream, act: Act) -> Option<Request> {
    stream.set_read_timeout(Some(perf_sdk_tests::PATIENCE)).unwrap();
    let (mut all, mut block) = (Vec::new(), [0; 4_096]);
    let end = loop {
        let read = stream.read(&mut block).ok().filter(|read| *read > 0)?;
        all.extend_from_slice(&block[..read]);
        if let Some(at) = all.windows(4).position(|end| end == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let mut body = all.split_off(end);
    let head = String::from_utf8(all).unwrap();
    let mut request = Request {
        path: head.strip_prefix("POST ").unwrap().split(' ').next().unwrap().to_owned(),
        head,
        body: Vec::new(),
        is_taken: act == Act::Answer(200, ""),
    };
    let length: usize = request.header("content-length").unwrap().parse().unwrap();
    while body.len() < length {
        let read = stream.read(&mut block).ok().filter(|read| *read > 0)?;
        body.extend_from_slice(&block[..read]);
    }
    assert_eq!(body.len(), length);
    request.body = body;
    let answer = match act {
        Act::Answer(status, text) => {
            format!("HTTP/1.1 {status} Some Words\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len())
        }
        Act::Say(bytes) => bytes.to_owned(),
        Act::Hang | Act::Close => return None,
    };
    let _ = stream.write_all(answer.as_bytes());
    Some(request)
}

//! Requests to an endpoint, by TCP or a Unix socket.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::address::Address;
use crate::failure::{Failure, said};
use crate::paint::safe;
use crate::place::Place;
use crate::token::Token;

/// How long a connection may take, and an answer beyond the time for which it waits.
const TO_CONNECT: Duration = Duration::from_secs(5);
const TO_ANSWER: Duration = Duration::from_secs(60);
/// The largest answer that is read.
const MOST_BYTES: usize = 1 << 30;
/// The most of an answer that is repeated in a message.
const MOST_SAID: usize = 2_000;

/// One endpoint.
pub(crate) struct Client {
    place: Place,
    token: Option<Token>,
    runtime: Runtime,
}

/// What an endpoint answered, with status 200.
pub(crate) struct Answer {
    pub(crate) body: Bytes,
    /// The name of the file, if it is one.
    pub(crate) file_name: Option<String>,
}

/// Names and values of a query.
pub(crate) type Query<'a> = &'a [(&'a str, &'a str)];

impl Client {
    pub(crate) fn new(place: Place, token: Option<Token>) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(format!("cannot wait for sockets: {error}")))?;
        Ok(Self { place, token, runtime })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn get(&self, path: &str, query: Query<'_>) -> Result<Answer, Failure> {
        self.get_after(Duration::ZERO, path, query)
    }

    /// Of a route that waits for so long before it answers.
    pub(crate) fn get_after(&self, waits: Duration, path: &str, query: Query<'_>) -> Result<Answer, Failure> {
        let target = target(&self.place.prefix, path, query);
        self.runtime.block_on(async {
            timeout(waits + TO_ANSWER, self.ask(&target)).await.unwrap_or_else(|_| {
                let after = (waits + TO_ANSWER).as_secs();
                said(format!("{} did not answer {path} within {after} s; is the program stopped?", self.place))
            })
        })
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, path: &str, query: Query<'_>) -> Result<T, Failure> {
        self.parsed(path, &self.get(path, query)?.body)
    }

    pub(crate) fn parsed<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(body).map_err(|error| {
            Failure::new(format!(
                "what {} answers to {path} is not what this version of perf-sdk reads: {error}; is it a perf-sdk of \
                 another version, or another server?",
                self.place
            ))
        })
    }

    async fn ask(&self, target: &str) -> Result<Answer, Failure> {
        match &self.place.address {
            Address::Tcp { host, port } => {
                let stream = self.connected(TcpStream::connect((host.as_str(), *port))).await?;
                self.exchange(stream, target).await
            }
            Address::Unix(path) => {
                let stream = self.connected(UnixStream::connect(path)).await?;
                self.exchange(stream, target).await
            }
        }
    }

    async fn connected<S>(&self, connect: impl Future<Output = io::Result<S>>) -> Result<S, Failure> {
        let connected = match timeout(TO_CONNECT, connect).await {
            Ok(connected) => connected,
            Err(_) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", TO_CONNECT.as_secs())))
            }
        };
        connected.map_err(|error| {
            Failure::new(format!(
                "cannot reach {}: {error}; does a program with perf-sdk run there? Name its address (what PERF_LISTEN \
                 is there), its Unix socket as unix:PATH, or its process id",
                self.place
            ))
        })
    }

    async fn exchange<S>(&self, stream: S, target: &str) -> Result<Answer, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let broken = |error: &dyn std::fmt::Display| {
            Failure::new(format!(
                "{} broke off the answer to {target}: {error}; is it a perf-sdk endpoint?",
                self.place
            ))
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        tokio::spawn(connection);
        let host = match &self.place.address {
            address @ Address::Tcp { .. } => address.to_string(),
            Address::Unix(_) => "localhost".to_owned(),
        };
        let mut request = Request::get(target).header(header::HOST, host);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token.bearer());
        }
        let request = request.body(Empty::<Bytes>::new());
        let request = request.map_err(|error| Failure::new(format!("cannot ask for {target}: {error}")))?;
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let status = response.status();
        let named = response.headers().get(header::CONTENT_DISPOSITION).and_then(|value| value.to_str().ok());
        let file_name = named.and_then(file_name);
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|error| broken(&error))?.to_bytes();
        if status == StatusCode::OK {
            return Ok(Answer { body, file_name });
        }
        said(self.refusal(status, target, &body))
    }

    fn refusal(&self, status: StatusCode, target: &str, body: &[u8]) -> String {
        let place = &self.place;
        if status == StatusCode::UNAUTHORIZED {
            let how = if self.token.is_some() {
                "it did not take the one that was sent"
            } else {
                "give it with --token @FILE; for an address of this machine PERF_TOKEN will do"
            };
            return format!("{place} asks for the profiler's token: {how}. Its file is named where the program starts");
        }
        let text = String::from_utf8_lossy(&body[..body.len().min(MOST_SAID)]);
        let text = safe(text.trim());
        let path = target.split('?').next().unwrap_or(target);
        if text.is_empty() || text.starts_with('<') {
            return format!("{place} answers {status} to {path}; is it a perf-sdk endpoint?");
        }
        format!("{place} answers {status} to {path}: {text}")
    }
}

fn target(prefix: &str, path: &str, query: Query<'_>) -> String {
    if query.is_empty() {
        return format!("{prefix}{path}");
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("{prefix}{path}?{query}")
}

/// The name in a header, without any folder.
fn file_name(header: &str) -> Option<String> {
    let name = header.split_once("filename=\"")?.1.split('"').next()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (!name.is_empty() && !name.starts_with('.') && name.chars().all(is_plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_escaped_and_file_names_are_plain() {
        assert_eq!(target("", "/snapshot", &[]), "/snapshot");
        assert_eq!(
            target("/perf", "/a", &[("q", "a b&c"), ("n", "x{f=\"é\"}")]),
            "/perf/a?q=a+b%26c&n=x%7Bf%3D%22%C3%A9%22%7D"
        );
        assert_eq!(file_name("attachment; filename=\"a-1.tar.gz\"").as_deref(), Some("a-1.tar.gz"));
        for hostile in
            ["attachment", "attachment; filename=\"../a\"", "attachment; filename=\".bashrc\"", "filename=\"\""]
        {
            assert_eq!(file_name(hostile), None, "{hostile}");
        }
    }
}

//! Fuzzing of the endpoint: it serves one end of a socket, and the other end sends arbitrary bytes.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware;

use super::access::{self, Access};
use super::connections::Connections;
use super::routes::{self, SettingsHooks};
use super::server::connection;
use super::token::Token;
use crate::settings::Builder;

/// The number of bytes that fit into the socket without a reader.
const MOST_BYTES: usize = 64 << 10;

/// Serves a connection on which `bytes` arrive, for at most `time`, because a request may ask for a
/// long capture.
pub(crate) fn requests(bytes: &[u8], time: Duration) {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    }
    let config = Builder::default().token("0123456789abcdef").resolve(|_| None).expect("fixed settings");
    let access = Arc::new(Access {
        guarded: bytes.len() % 2 == 1,
        guard: config.guard,
        check_host: true,
        hosts: vec!["pod-1.svc".into()],
        own_names: vec!["pod-1".into()],
        is_local: true,
        token: Token::of(&config).expect("a token that is given"),
    });
    let hooks = SettingsHooks { in_force: Vec::new, change: |_| Ok(Vec::new()) };
    let routes = routes::routes()
        .merge(routes::changes(hooks))
        .layer(middleware::from_fn(move |request: Request, next| access::check(Arc::clone(&access), request, next)));
    let (mut client, server) = UnixStream::pair().expect("a socket pair");
    client.write_all(&bytes[..bytes.len().min(MOST_BYTES)]).expect("room for the request");
    client.shutdown(std::net::Shutdown::Write).expect("an open socket");
    server.set_nonblocking(true).expect("an open socket");
    RUNTIME.with(|runtime| {
        runtime.block_on(async move {
            let server = tokio::net::UnixStream::from_std(server).expect("a runtime with sockets");
            let connections = Connections::new(1);
            let seat = Arc::new(connections.seat().await);
            let _ = tokio::time::timeout(time, connection(server, routes, seat)).await;
        });
    });
}

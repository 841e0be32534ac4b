//! What names an endpoint, who is asked, and what is sent.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::thread;

use super::watched::{Folder, Watched, ask, ask_with};

#[test]
fn an_address_a_url_and_a_process_id_name_the_same_endpoint() {
    let program = Watched::start(&[]);
    let url = format!("http://{}/", program.place);
    let port = format!(":{}", program.place.rsplit(':').next().expect("a port"));
    for endpoint in [program.place.as_str(), &url, &port, &program.pid()] {
        let said = ask(&["status", "--json", endpoint]);
        assert_eq!(said.status, Some(0), "{endpoint}: {said:?}");
        assert_eq!(said.json()["process"]["pid"].to_string(), program.pid(), "{endpoint}");
    }
}

#[test]
fn a_unix_socket_is_an_endpoint_by_its_path_and_by_its_process() {
    let folder = Folder::new("socket");
    let socket = format!("unix:{}", folder.path("perf sdk.sock"));
    let program = Watched::start(&[("PERF_LISTEN", &socket)]);
    assert_eq!(program.place, "none");
    for endpoint in [socket.as_str(), &folder.path("perf sdk.sock"), &program.pid()] {
        let said = ask(&["status", "--json", endpoint]);
        assert_eq!(said.status, Some(0), "{endpoint}: {said:?}");
        assert_eq!(said.json()["process"]["pid"].to_string(), program.pid(), "{endpoint}");
    }
}

#[test]
fn who_does_not_answer_is_named_with_what_to_do() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").to_string();
    for (endpoint, part) in [
        (closed.as_str(), "PERF_LISTEN"),
        ("unix:/nowhere/at/all", "cannot reach unix:/nowhere/at/all"),
        ("4194999", "there is no process 4194999"),
        ("nothing", "endpoint is \"nothing\"; allowed: HOST:PORT"),
        ("https://127.0.0.1:1", "https, which is not supported"),
    ] {
        let said = ask(&["status", endpoint]);
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.err.starts_with("error: ") && said.err.contains(part) && said.out.is_empty(), "{said:?}");
    }
    // Another server.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("its address").to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let _ = stream.read(&mut [0; 4_096]);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").expect("a reader");
    });
    let said = ask(&["targets", &place]);
    server.join().expect("no panic");
    assert!(said.status == Some(2) && said.err.contains("another server"), "{said:?}");
}

/// This process listens on two ports and a socket, of which none is the profiler's.
#[test]
#[cfg(target_os = "linux")]
fn of_a_process_no_socket_is_asked_that_may_be_another_server() {
    let folder = Folder::new("foreign");
    let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let socket = UnixListener::bind(folder.path("own.sock")).expect("a socket");
    // A connection is no socket that listens.
    let _connected = std::net::TcpStream::connect(ports[0].local_addr().expect("an address")).expect("a connection");
    let said = ask(&["status", &std::process::id().to_string()]);
    assert!(said.status == Some(2) && said.err.contains("name the address of its profiler"), "{said:?}");
    for port in &ports {
        assert!(said.err.contains(&port.local_addr().expect("an address").to_string()), "{said:?}");
    }
    assert!(said.err.contains("own.sock"), "{said:?}");
    socket.set_nonblocking(true).expect("it");
    assert!(socket.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
    ports[1].set_nonblocking(true).expect("it");
    assert!(ports[1].accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
}

const TOKEN: &str = "a-token-of-some-length";

#[test]
fn a_guarded_endpoint_gets_the_token() {
    let program = Watched::start(&[("PERF_GUARD", "all"), ("PERF_TOKEN", TOKEN)]);
    let said = ask(&["status", &program.place]);
    assert!(said.status == Some(2) && said.err.contains("--token @FILE"), "{said:?}");
    let said = ask(&["status", &program.place, "--token", "another-token-of-some-length"]);
    assert!(said.status == Some(2) && said.err.contains("did not take"), "{said:?}");
    assert!(!said.err.contains("another-token"), "{said:?}");
    let folder = Folder::new("token");
    std::fs::write(folder.path("token"), format!("{TOKEN}\n")).expect("a file");
    let file = format!("@{}", folder.path("token"));
    for (arguments, environment) in
        [(&["--token", TOKEN][..], &[][..]), (&["--token", file.as_str()], &[]), (&[], &[("PERF_TOKEN", TOKEN)])]
    {
        let said = ask_with(&[&["status", "--json", &program.place], arguments].concat(), environment);
        assert_eq!(said.status, Some(0), "{arguments:?} {environment:?}: {said:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_token_that_a_process_generated_is_found_by_its_id() {
    let program = Watched::start(&[("PERF_GUARD", "all")]);
    assert_eq!(ask(&["status", &program.place]).status, Some(2));
    let said = ask(&["status", "--json", &program.pid()]);
    assert_eq!(said.status, Some(0), "{said:?}");
}

/// What a client sends to this address, which reaches this machine, and is no loopback address.
fn sent(arguments: &[&str], host: &str) -> String {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let place = format!("{host}:{}", listener.local_addr().expect("its address").port());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = [0; 4_096];
        let length = stream.read(&mut head).expect("a request");
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").expect("a reader");
        String::from_utf8_lossy(&head[..length]).into_owned()
    });
    let said = ask_with(&[&["targets", &place], arguments].concat(), &[("PERF_TOKEN", TOKEN)]);
    assert_eq!(said.status, Some(2), "{said:?}");
    server.join().expect("no panic")
}

#[test]
fn the_token_of_the_environment_stays_on_this_machine() {
    let has_token = |request: String| request.contains(TOKEN);
    assert!(has_token(sent(&[], "127.0.0.1")));
    assert!(!has_token(sent(&[], "0.0.0.0")));
    assert!(has_token(sent(&["--token", TOKEN], "0.0.0.0")), "it was named for it");
}

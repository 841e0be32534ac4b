//! A program that is looked at, and the command line that looks.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

pub(super) const COMMAND_LINE: &str = env!("CARGO_BIN_EXE_command-line");
pub(super) const WATCHED: &str = env!("CARGO_BIN_EXE_watched");

/// A running program, ended when this drops.
pub(super) struct Watched {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// `127.0.0.1:PORT`, or `none`.
    pub(super) place: String,
}

impl Watched {
    pub(super) fn start(environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(WATCHED)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().expect("a pipe")));
        let mut started = Self { child, input, output, place: String::new() };
        started.place = started.line();
        started
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    pub(super) fn obey(&mut self, command: &str) {
        writeln!(self.input.as_mut().expect("an open pipe"), "{command}").expect("a reader");
        assert_eq!(self.line(), "done");
    }

    pub(super) fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came of a command line.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Said {
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub(super) fn ask(arguments: &[&str]) -> Said {
    ask_with(arguments, &[])
}

pub(super) fn ask_with(arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    let output = Command::new(COMMAND_LINE)
        .args(arguments)
        .env_remove("PERF_TOKEN")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A folder of one test, deleted afterwards.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("perf-sdk-test-cli-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a plain name").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

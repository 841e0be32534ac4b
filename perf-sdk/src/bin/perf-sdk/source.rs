//! What can be an endpoint, the file of a snapshot, or a bundle of evidence.

use std::fs;
use std::path::Path;
use std::time::Duration;

use perf_sdk::snapshot::Snapshot;

use crate::client::Client;
use crate::endpoint::Access;
use crate::failure::Failure;
use crate::input::Input;
use crate::progress::Progress;

pub(crate) enum Source {
    Endpoint(Client),
    File(Box<Snapshot>),
}

impl Source {
    /// An existing regular file is a snapshot; anything else names an endpoint.
    pub(crate) fn of(text: &str, access: &Access) -> Result<Self, Failure> {
        let path = Path::new(text);
        if fs::metadata(path).is_ok_and(|there| there.is_file()) {
            return Ok(Self::File(Box::new(Input::of_file(text, path)?.snapshot)));
        }
        let is_like_a_file = (text.ends_with(".json") || text.ends_with(".gz")) && !text.starts_with("http");
        if is_like_a_file {
            return Err(Failure::new(format!("there is no file {text}; `perf-sdk snapshot -o {text}` writes one")));
        }
        access.client(text).map(Self::Endpoint)
    }

    /// The snapshot: of a file, or of an endpoint since recording began, or of its next time.
    pub(crate) fn snapshot(self, next: Option<Duration>) -> Result<Snapshot, Failure> {
        match self {
            Self::File(snapshot) => Ok(*snapshot),
            Self::Endpoint(client) => taken(&client, next),
        }
    }
}

pub(crate) fn read(path: &Path) -> Result<Snapshot, Failure> {
    Snapshot::read_from(path)
        .map_err(|error| Failure::new(format!("{error}; allowed: what `perf-sdk snapshot` writes")))
}

fn taken(client: &Client, next: Option<Duration>) -> Result<Snapshot, Failure> {
    const ROUTE: &str = "/snapshot";
    let answer = match next {
        None => client.get(ROUTE, &[])?,
        Some(time) => {
            let _progress = Progress::of("recording", time);
            client.get_after(time, ROUTE, &[("seconds", &time.as_secs_f64().to_string())])?
        }
    };
    client.parsed(ROUTE, &answer.body)
}

//! What a report is made of: an endpoint, a file of a snapshot, or a bundle of evidence.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use perf_sdk::export::Report;
use perf_sdk::finding::Findings;
use perf_sdk::snapshot::{HistoryColumns, Snapshot};
use serde::Deserialize;

use crate::client::Client;
use crate::endpoint::Access;
use crate::failure::{Failure, said};

/// The most that is read of one file of a bundle.
const MOST_BYTES: u64 = 256 << 20;
/// How a file that gzip made begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ALLOWED: &str =
    "allowed: an endpoint, a file of /snapshot or of the subcommand snapshot, or a bundle of evidence (.tar.gz)";

/// Everything that is known of one side.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) snapshot: Snapshot,
    pub(crate) history: Option<HistoryColumns>,
    pub(crate) findings: Option<Findings>,
    /// When, and what was said.
    pub(crate) marks: Vec<(u32, String)>,
    /// CPU samples, as a document of the viewer.
    pub(crate) samples: Option<String>,
    /// What could not be had, and why.
    pub(crate) missing: Vec<String>,
}

impl Input {
    /// Of what an argument names.
    pub(crate) fn read(text: &str, access: &Access) -> Result<Self, Failure> {
        let path = Path::new(text);
        match fs::metadata(path) {
            Ok(there) if there.is_file() => Self::of_file(text, path),
            Ok(there) if there.is_dir() => said(format!("{text} is a folder; {ALLOWED}")),
            // Whoever writes the end of a file's name means a file.
            Err(error) if text.ends_with(".json") || text.ends_with(".gz") => {
                said(format!("cannot read {text}: {error}; {ALLOWED}"))
            }
            _ => Self::of_endpoint(&access.client(text)?),
        }
    }

    fn of(name: &str, snapshot: Snapshot) -> Self {
        let name = name.to_owned();
        Self { name, snapshot, history: None, findings: None, marks: Vec::new(), samples: None, missing: Vec::new() }
    }

    fn lacks(&mut self, what: &str, why: &dyn std::fmt::Display) {
        self.missing.push(format!("{what} of {}: {why}", self.name));
    }

    pub(crate) fn of_file(text: &str, path: &Path) -> Result<Self, Failure> {
        let unread = |error: &dyn std::fmt::Display| Failure::new(format!("cannot read {text}: {error}; {ALLOWED}"));
        let mut begin = Vec::new();
        let file = File::open(path).map_err(|error| unread(&error))?;
        file.take(2).read_to_end(&mut begin).map_err(|error| unread(&error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = BufReader::new(File::open(path).map_err(|error| unread(&error))?);
        if begin == GZIP {
            return Self::of_bundle(&name, file).map_err(|error| unread(&error));
        }
        let mut input = Self::of(&name, Snapshot::read_json(file).map_err(|error| unread(&error))?);
        input.lacks("charts and CPU samples", &"a snapshot has none; an endpoint and a bundle of evidence do");
        Ok(input)
    }

    fn of_bundle(name: &str, bundle: impl Read) -> Result<Self, String> {
        let mut archive = tar::Archive::new(GzDecoder::new(bundle));
        let (mut snapshot, mut history, mut samples) = (None, None, None);
        for entry in archive.entries().map_err(|error| error.to_string())? {
            let entry = entry.map_err(|error| error.to_string())?;
            let file = entry.path().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
            let mut content = Vec::new();
            let Some(file @ ("snapshot.json" | "history.json" | "flame.html")) = file.as_deref() else { continue };
            entry.take(MOST_BYTES).read_to_end(&mut content).map_err(|error| error.to_string())?;
            let wrong = |error: &dyn std::fmt::Display| format!("its {file}: {error}");
            match file {
                "snapshot.json" => {
                    snapshot = Some(Snapshot::read_json(content.as_slice()).map_err(|error| wrong(&error))?);
                }
                "history.json" => {
                    history = Some(serde_json::from_slice(&content).map_err(|error| wrong(&error))?);
                }
                _ => samples = data_of_viewer(&String::from_utf8_lossy(&content)).map(str::to_owned),
            }
        }
        let mut input = Self::of(name, snapshot.ok_or("it has no snapshot.json, as a bundle of evidence has")?);
        (input.history, input.samples) = (history, samples);
        if input.history.is_none() {
            input.lacks("charts", &"the bundle has no history.json");
        }
        if input.samples.is_none() {
            input.lacks("CPU samples", &"the bundle has no flame.html");
        }
        Ok(input)
    }

    fn of_endpoint(client: &Client) -> Result<Self, Failure> {
        let answer = client.get("/snapshot", &[])?;
        let snapshot = Snapshot::read_json(answer.body.as_ref()).map_err(|error| {
            Failure::new(format!("what {} answers to /snapshot cannot be read: {error}", client.place()))
        })?;
        let mut input = Self::of(&client.place().to_string(), snapshot);
        match client.json("/findings", &[("format", "json")]) {
            Ok(findings) => input.findings = Some(findings),
            Err(error) => input.lacks("findings that need the history", &error),
        }
        let names = Report::history_names(&input.snapshot);
        match client.json("/api/v1/history", &[("names", &names), ("from", "-15m"), ("to", "now"), ("step", "5s")]) {
            Ok(history) => input.history = Some(history),
            Err(error) => input.lacks("charts", &error),
        }
        match client.json("/api/v1/overview", &[("from", "-5s")]) {
            Ok(Overview { marks }) => input.marks = marks.into_iter().map(|Mark { at, text }| (at, text)).collect(),
            Err(error) => input.lacks("marks", &error),
        }
        match client.get("/api/v1/flame/cpu", &[]) {
            Ok(answer) => input.samples = Some(String::from_utf8_lossy(&answer.body).into_owned()),
            Err(error) => input.lacks("CPU samples", &error),
        }
        Ok(input)
    }
}

/// Of the page's data, what a report has too.
#[derive(Deserialize)]
struct Overview {
    marks: Vec<Mark>,
}

#[derive(Deserialize)]
struct Mark {
    at: u32,
    text: String,
}

/// The data in a file of the viewer.
fn data_of_viewer(file: &str) -> Option<&str> {
    let (_, behind) = file.split_once("<script id=\"flame-data\" type=\"application/json\">")?;
    Some(behind.split_once("</script>")?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use perf_sdk::export::FlameDocument;

    fn bundle(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            archive.append_data(&mut header, format!("shop-evidence-7/{name}"), *content).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn a_bundle_has_the_snapshot_the_history_and_the_samples() {
        let snapshot = perf_sdk::snapshot();
        let (mut json, mut flame) = (Vec::new(), Vec::new());
        perf_sdk::export::json::write(&snapshot, &mut json).unwrap();
        FlameDocument::of_calls(&snapshot).write_html(&mut flame).unwrap();
        let history = br#"{"step":5,"times":[100],"series":[{"name":"queue_depth","labels":{},"kind":"gauge","unit":"count","mean":[null]}]}"#;
        let files: [(&str, &[u8]); 4] =
            [("README.md", b"what"), ("snapshot.json", &json), ("history.json", history), ("flame.html", &flame)];
        let input = Input::of_bundle("a.tar.gz", bundle(&files).as_slice()).unwrap();
        assert_eq!(input.snapshot, snapshot);
        assert_eq!(input.history.map(|history| (history.step, history.series.len())), Some((5, 1)));
        assert!(input.samples.is_some_and(|samples| samples.starts_with("{\"format\":\"perf-sdk flame 1\"")));
        assert!(input.missing.is_empty());
        let input = Input::of_bundle("a.tar.gz", bundle(&files[..2]).as_slice()).unwrap();
        assert_eq!(input.missing.len(), 2, "{:?}", input.missing);
        let said = |files: &[(&str, &[u8])]| Input::of_bundle("a.tar.gz", bundle(files).as_slice()).err().unwrap();
        assert!(said(&files[..1]).contains("no snapshot.json"));
        assert!(said(&[("snapshot.json", b"{}")]).contains("its snapshot.json"));
    }

    #[test]
    fn what_is_no_input_is_named_with_what_is_allowed() {
        let access = Access::default();
        let folder = std::env::temp_dir();
        for (text, part) in
            [("/no/such/one.json", "cannot read /no/such/one.json"), (folder.to_str().unwrap(), "is a folder")]
        {
            let said = Input::read(text, &access).err().unwrap().to_string();
            assert!(said.contains(part) && said.contains("a bundle of evidence"), "{said}");
        }
        let file = folder.join(format!("perf-sdk-cli-input-{}.json", std::process::id()));
        fs::write(&file, "[]").unwrap();
        let said = Input::read(file.to_str().unwrap(), &access).err().unwrap().to_string();
        assert!(said.contains("cannot read") && said.contains("allowed"), "{said}");
        fs::remove_file(file).unwrap();
    }
}

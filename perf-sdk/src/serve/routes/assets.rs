//! Static files that the pages load.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use crate::export;
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};

const CSS: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($name:literal: $kind:ident),* $(,)?) => {
        /// Name, type, contents.
        const FILES: &[(&str, &str, &str)] = &[$(($name, $kind, include_str!(concat!("../assets/", $name)))),*];
    };
}

files! {
    "app.js": SCRIPT,
    "brush.js": SCRIPT,
    "chart.js": SCRIPT,
    "charts.js": SCRIPT,
    "columns.js": SCRIPT,
    "dashboard.css": CSS,
    "data.js": SCRIPT,
    "format.js": SCRIPT,
    "function.js": SCRIPT,
    "heatmap.js": SCRIPT,
    "html.js": SCRIPT,
    "icon.svg": PICTURE,
    "marks.js": SCRIPT,
    "sort.js": SCRIPT,
    "state.js": SCRIPT,
    "status.js": SCRIPT,
    "stream.js": SCRIPT,
    "style.css": CSS,
    "table.js": SCRIPT,
}

/// The tag of each file, by its contents. It is weak, since the body may be compressed.
static TAGS: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| {
    let tag = |contents: &str| HeaderValue::try_from(format!("W/\"{:016x}\"", hash(contents.as_bytes())));
    FILES.iter().map(|(.., contents)| tag(contents).unwrap_or(HeaderValue::from_static("W/\"\""))).collect()
});

/// FNV-1a, which is the same in each process.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// A browser keeps them, and asks each time whether they are still the same.
pub(super) async fn asset(Path(name): Path<String>, uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    let Some(at) = FILES.iter().position(|(known, ..)| *known == name) else {
        let known: Vec<&str> = FILES.iter().map(|(known, ..)| *known).collect();
        let text = format!("there is no file {name:?}; allowed: {}", known.join(", "));
        return Err(Refusal::new(StatusCode::NOT_FOUND, text));
    };
    let (_, content_type, contents) = FILES[at];
    let tag = TAGS[at].clone();
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    let is_known = known.split(',').any(|known| known.trim().as_bytes() == tag.as_bytes());
    let mut response =
        if is_known { StatusCode::NOT_MODIFIED.into_response() } else { reply::ok(content_type, contents) };
    response.headers_mut().insert(header::ETAG, tag);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

pub(super) async fn flame_style(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    Ok(reply::ok("text/css; charset=utf-8", export::VIEWER_STYLE))
}

pub(super) async fn flame_script(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    Ok(reply::ok("text/javascript; charset=utf-8", export::viewer_script()))
}

/// The file of the viewer without its data, of which the page makes a file of what it shows. It is
/// no page: it has marks where its parts go.
pub(super) async fn flame_file(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    Ok(reply::ok("text/plain; charset=utf-8", export::VIEWER_FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bodies of the dashboard and of the viewer, compressed as they are sent.
    #[test]
    fn the_pages_that_ask_have_at_most_60_kb() {
        use flate2::Compression;
        use flate2::write::GzEncoder;
        use std::io::Write as _;

        let shell = include_str!("../assets/dashboard.html");
        let files = FILES.iter().filter(|(name, ..)| !matches!(*name, "sort.js" | "style.css"));
        let viewer = [export::VIEWER_STYLE, export::viewer_script(), export::VIEWER_FILE];
        let bodies = files.map(|(.., contents)| *contents).chain([shell]).chain(viewer);
        let compressed = bodies.map(|body| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(body.as_bytes()).unwrap();
            encoder.finish().unwrap().len()
        });
        let sum: usize = compressed.sum();
        println!("{sum} bytes compressed");
        assert!(sum <= 60_000, "{sum} bytes");
    }

    #[test]
    fn nothing_comes_from_another_host_and_every_import_is_there() {
        for (name, _, contents) in FILES {
            // The name of SVG's elements is no address.
            let is_foreign = |line: &&str| line.replace("http://www.w3.org/2000/svg", "").contains("://");
            assert_eq!(contents.lines().find(is_foreign), None, "{name}");
            for import in contents.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(FILES.iter().any(|(known, ..)| *known == import), "{name} imports {import}");
            }
        }
    }
}

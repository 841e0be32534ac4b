//! The flamegraph viewer: its scripts, and the file that has them with the data.

use std::io::{self, Write};
use std::sync::LazyLock;

use super::FlameDocument;
use crate::export::file;
use crate::snapshot::write_json;

/// The scripts, in the order in which they need each other.
const SOURCES: &[&str] = &[
    include_str!("../../serve/assets/flame/format.js"),
    include_str!("../../serve/assets/flame/model.js"),
    include_str!("../../serve/assets/flame/derive.js"),
    include_str!("../../serve/assets/flame/measure.js"),
    include_str!("../../serve/assets/flame/colours.js"),
    include_str!("../../serve/assets/flame/graph.js"),
    include_str!("../../serve/assets/flame/heatmap.js"),
    include_str!("../../serve/assets/flame/controls.js"),
    include_str!("../../serve/assets/flame/source.js"),
    include_str!("../../serve/assets/flame/elements.js"),
    include_str!("../../serve/assets/flame/ranges.js"),
    include_str!("../../serve/assets/flame/options.js"),
    include_str!("../../serve/assets/flame/render.js"),
    include_str!("../../serve/assets/flame/words.js"),
    include_str!("../../serve/assets/flame/table.js"),
    include_str!("../../serve/assets/flame/data.js"),
    include_str!("../../serve/assets/flame/page.js"),
];

pub(crate) const STYLE: &str = include_str!("../../serve/assets/flame/flame.css");
/// The file without its data. The page too makes files of it.
pub(crate) const FILE: &str = include_str!("../../serve/assets/flame/file.html");

/// The scripts as one, the same on the page and in a file.
pub(crate) fn script() -> &'static str {
    static SCRIPT: LazyLock<String> = LazyLock::new(|| file::joined(SOURCES));
    &SCRIPT
}

impl FlameDocument {
    /// Writes one HTML file with the viewer and these data. It opens from disk, and loads nothing.
    ///
    /// # Errors
    /// Any error of the writer.
    pub fn write_html(&self, to: &mut impl Write) -> io::Result<()> {
        let (data, nonce) = (file::data(self)?, file::nonce());
        let parts =
            [("@NONCE@", nonce.as_str()), ("@STYLE@", STYLE), ("@SCRIPT@", script()), ("@DATA@", data.as_str())];
        file::fill(FILE, &parts, to)
    }

    /// Writes the data as JSON, for the viewer and for scripts.
    ///
    /// # Errors
    /// Any error of the writer.
    pub fn write_json(&self, to: &mut impl Write) -> io::Result<()> {
        write_json(self, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{CallNode, Function, ROOT, Snapshot};

    #[test]
    fn a_name_does_not_end_the_data() {
        let mut snapshot = Snapshot::default();
        snapshot
            .functions
            .push(Function { name: "</script><script>alert(1)</script>@DATA@".into(), ..Function::default() });
        snapshot.tree.push(CallNode { parent: ROOT, calls: 1, ..CallNode::default() });
        let mut file = Vec::new();
        let document = FlameDocument::of_calls(&snapshot);
        document.clone().against(document).write_html(&mut file).unwrap();
        let file = String::from_utf8(file).unwrap();
        assert!(!file.contains("<script>alert"), "{file}");
        assert_eq!(file.matches("\\u003c/script>\\u003cscript>alert(1)").count(), 2);
        assert_eq!(file.matches("</script>").count(), 2, "the data and the viewer");
        assert!(!file.contains("=\"@NONCE@") && file.contains(STYLE) && file.contains(script()), "{file}");
        assert!(!file.contains("unsafe-inline") && !file.contains("src="), "it loads nothing");
    }

    #[test]
    fn a_file_is_written_twice_with_other_nonces() {
        let write = || {
            let mut file = Vec::new();
            FlameDocument::default().write_html(&mut file).unwrap();
            String::from_utf8(file).unwrap()
        };
        let nonce = |file: &str| file.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        let (one, other) = (write(), write());
        assert_ne!(nonce(&one), nonce(&other));
        assert_eq!(nonce(&one).len(), 32);
    }

    /// The page has a budget for what it loads.
    #[cfg(feature = "serve")]
    #[test]
    fn what_the_page_loads_is_small() {
        let zipped = |text: &str| {
            let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            zip.write_all(text.as_bytes()).unwrap();
            zip.finish().unwrap().len()
        };
        let size = zipped(script()) + zipped(STYLE);
        assert!(size <= 23 << 10, "{size} bytes");
    }
}

//! `Content-Security-Policy`: what a browser may do with responses.

#[cfg(feature = "svg")]
use std::hash::{BuildHasher as _, RandomState};

/// For pages. Styles and scripts are separate files, so an inline one is never executed.
const PAGE: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";
/// For the dashboard and the viewer, whose scripts ask this endpoint for data.
pub(super) const ASKING: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";
/// For data that a browser may display.
const DATA: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// For a file with its scripts and styles in it, which have a nonce. Its frames have the same
/// policy.
pub(super) fn of_file(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

pub(super) fn of(content_type: &str) -> &'static str {
    if content_type.starts_with("text/html") { PAGE } else { DATA }
}

/// An SVG with inline style and script, and the policy that allows only these. They have a nonce,
/// which injected elements cannot guess. They run without the rights of this origin, but may open
/// the dialog for a search term. The handler that starts the script, `init(evt)`, is allowed by its
/// SHA-256.
#[cfg(feature = "svg")]
pub(super) fn of_drawing(svg: Vec<u8>) -> (Vec<u8>, String) {
    const STYLE: &[u8] = b"<style type=\"text/css\"";
    const SCRIPT: &[u8] = b"<script type=\"text/ecmascript\"";
    // `RandomState` is seeded from the system's random number generator.
    let [upper, lower] = [0, 1].map(|part: u8| RandomState::new().hash_one(part));
    let nonce = format!("{upper:016x}{lower:016x}");
    let mut marked = Vec::with_capacity(svg.len() + 128);
    let mut rest = svg.as_slice();
    for element in [STYLE, SCRIPT] {
        if let Some(at) = rest.windows(element.len()).position(|part| part == element) {
            let (before, after) = rest.split_at(at + element.len());
            marked.extend_from_slice(before);
            marked.extend_from_slice(format!(" nonce=\"{nonce}\"").as_bytes());
            rest = after;
        }
    }
    marked.extend_from_slice(rest);
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}' 'unsafe-hashes' 'sha256-WiAVSnuYekflqQvM3Bgx4QYmF4g+iml28eRUaqE8Qeo='; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts allow-modals"
    );
    (marked, policy)
}

#[cfg(all(test, feature = "svg"))]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_runs_its_own_script_only() {
        let svg = "<svg onload=\"init(evt)\"><style type=\"text/css\">a</style><script type=\"text/ecmascript\">b</script><script type=\"text/ecmascript\">c</script></svg>";
        let (marked, policy) = of_drawing(svg.into());
        let marked = String::from_utf8(marked).unwrap();
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
        assert_eq!((nonce.len(), marked.matches(nonce).count()), (32, 2), "{marked}");
        assert!(marked.ends_with("<script type=\"text/ecmascript\">c</script></svg>"), "a second one gets none");
        assert_eq!(marked.replace(&format!(" nonce=\"{nonce}\""), ""), svg);
        assert!(!policy.contains("unsafe-inline") && !of_drawing(svg.into()).1.contains(nonce));
    }
}

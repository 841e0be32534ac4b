//! Common parts of all pages.

use std::fmt::Write as _;

pub(in crate::serve) use crate::export::safe::html as escape;

/// The beginning of a page, up to its body. Links are relative to `folder`, if there is one.
pub(in crate::serve) fn begin(title: &str, folder: Option<&str>) -> String {
    let mut page = String::with_capacity(64 * 1024);
    page.push_str(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">",
    );
    if let Some(folder) = folder {
        let _ = write!(page, "<base href=\"{}/\">", escape(folder));
    }
    let title = escape(title);
    let _ = write!(
        page,
        "<title>{title}</title><link rel=\"icon\" href=\"assets/icon.svg\"><link rel=\"stylesheet\" href=\"assets/style.css\"></head><body>"
    );
    page
}

/// The end of a page.
pub(in crate::serve) fn end(page: &mut String) {
    page.push_str("<script src=\"assets/sort.js\"></script></body></html>");
}

/// Percent-encodes a query value.
pub(in crate::serve) fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

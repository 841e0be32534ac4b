//! Headers that may occur only once.

use axum::http::{HeaderMap, HeaderName};

use super::reply::Refusal;

/// The value of a header as text.
pub(super) fn header_text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Refusal> {
    let Some(value) = headers.get(&name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Refusal::bad(format!("the header {name} is not ASCII text")))?;
    Ok(Some(text.trim()))
}

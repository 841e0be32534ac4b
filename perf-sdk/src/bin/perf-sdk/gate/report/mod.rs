//! A report as text, Markdown and JUnit. JSON is its data types as they are.

mod figures;
mod junit;
mod markdown;
mod text;

pub(crate) use junit::junit;
pub(crate) use markdown::markdown;
pub(crate) use text::text;

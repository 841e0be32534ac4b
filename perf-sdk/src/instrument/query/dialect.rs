//! What the quoting of a database's SQL depends on.

/// Which quotes surround a text, for [`Query::dialect`](super::Query::dialect).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// SQLite, `PostgreSQL` and other databases that follow the standard: `'text'`, `"name"`. A
    /// backslash is a character as any other, but in `PostgreSQL`'s `E'…'`.
    #[default]
    Standard,
    /// `MySQL` and `MariaDB`: `'text'` and `"text"` with backslashes, `` `name` ``, comments behind
    /// `#`.
    MySql,
}

//! The result of the access check, for the routes.

/// Set if the request had the token.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoreToken;

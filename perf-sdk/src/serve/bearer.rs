//! What the check of a request tells its route.

/// The request bore the token.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoreToken;

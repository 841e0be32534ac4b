//! Nothing of its own: the manifest names the crates.

//! The guide, whose Rust code `cargo test --doc` compiles and runs.

#[doc = include_str!("../../docs/guide/allocator.md")]
mod allocator {}
#[doc = include_str!("../../docs/guide/containers.md")]
mod containers {}
#[doc = include_str!("../../docs/guide/figures.md")]
mod figures {}
#[doc = include_str!("../../docs/guide/grafana.md")]
mod grafana {}
#[doc = include_str!("../../docs/guide/http-layer.md")]
mod http_layer {}
#[doc = include_str!("../../docs/guide/leak.md")]
mod leak {}
#[doc = include_str!("../../docs/guide/library.md")]
mod library {}
#[doc = include_str!("../../docs/guide/off.md")]
mod off {}
#[doc = include_str!("../../docs/guide/queries.md")]
mod queries {}
#[doc = include_str!("../../docs/guide/servers.md")]
mod servers {}
#[doc = include_str!("../../docs/guide/targets.md")]
mod targets {}
#[doc = include_str!("../../docs/guide/tests.md")]
mod tests {}
#[doc = include_str!("../../docs/guide/workers.md")]
mod workers {}

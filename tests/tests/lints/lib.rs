//! The same functions with and without the attribute.
#![warn(unused, nonstandard_style, future_incompatible, let_underscore, rust_2018_idioms, keyword_idents)]
#![warn(refining_impl_trait, rust_2024_compatibility)]
#![warn(elided_lifetimes_in_paths, explicit_outlives_requirements, impl_trait_redundant_captures)]
#![warn(missing_copy_implementations, missing_debug_implementations, missing_docs, meta_variable_misuse)]
#![warn(non_ascii_idents, redundant_lifetimes, single_use_lifetimes, trivial_casts, trivial_numeric_casts)]
#![warn(unit_bindings, unnameable_types, unreachable_pub, unused_crate_dependencies, unused_extern_crates)]
#![warn(unused_import_braces, unused_lifetimes, unused_qualifications, unused_results, variant_size_differences)]
#![warn(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction, clippy::cargo)]

mod with;
mod without;

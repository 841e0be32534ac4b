//! The pprof crate in the place of our own sampler.
//!
//! | file | job |
//! |---|---|
//! | `sampler` | takes over what the crate finds while somebody takes a profile |
//! | `active_profile` | the crate while it samples |
//! | `sigprof` | the signal that it takes |

mod active_profile;
mod sampler;
mod sigprof;

pub(super) use sampler::PprofSampler;

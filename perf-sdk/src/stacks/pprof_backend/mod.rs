//! The pprof crate as the sampling backend.
//!
//! | file | job |
//! |---|---|
//! | `sampler` | takes over the crate's results while a profile is being taken |
//! | `active_profile` | the crate while it samples |
//! | `sigprof` | the signal that it uses |

mod active_profile;
mod sampler;
mod sigprof;

pub(super) use sampler::PprofSampler;

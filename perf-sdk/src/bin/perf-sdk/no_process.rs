//! The endpoint of a process, where the system does not say what it listens on.

use crate::address::Address;
use crate::failure::{Failure, said};

pub(crate) fn endpoint_of(pid: u32) -> Result<Address, Failure> {
    said(format!("{pid} is a process id, which names an endpoint on Linux only; name its address, such as :9464"))
}

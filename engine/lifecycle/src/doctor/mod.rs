//! Whether a host has what a user's containers need, and how to mend what is amiss.
//!
//! [`gather`] looks and judges nothing, [`findings`] judges and looks at nothing, [`mend`] does what a finding says can be done.

mod facts;
mod findings;
mod mend;
#[cfg(test)]
mod tests;

pub use facts::{
    Facts, Generators, Grants, IdHelper, Neighbour, Network, Overlay, Own, Runtime, Session, Subject,
    Sysctls, gather,
};
pub use findings::{Actor, Check, Deed, Finding, Level, Mend, findings};
pub use mend::{MendError, mend};

//! A cluster: how it is reached, and what is asked of its API.
//!
//! Knows neither files nor the network: it is given texts and answers, and says what is to be read and sent.

mod kubeconfig;
mod object;

pub use kubeconfig::{KubeconfigError, Login, Material, Proof, login};
pub use object::{Answer, Kinds, Wanted, WantedError, wanted};

#[cfg(test)]
mod tests;

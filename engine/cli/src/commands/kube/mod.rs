//! `kube …`: Kubernetes objects become pods, and go; pods become objects, also of a cluster.

mod apply;
mod attend;
mod down;
mod generate;
mod input;
mod make;
mod play;
mod subject;
mod unit;
mod units;

pub use apply::apply;
pub use down::down;
pub use generate::generate;
pub use play::play;

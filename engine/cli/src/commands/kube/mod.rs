//! `kube …`: Kubernetes objects become pods, and go; pods become objects.

mod attend;
mod down;
mod generate;
mod input;
mod make;
mod play;

pub use down::down;
pub use generate::generate;
pub use play::play;

//! What differs in every inspection, or in many, whatever was asked for.

use crate::compare::{Difference, differs};

/// Lists whose order means nothing.
pub const UNORDERED: &[&str] = &["Config.Env"];

/// Fields, and why they differ.
pub const GLOBAL: &[Difference] =
    &[differs("Id", "each container has its own"), differs("Created", "a moment")];

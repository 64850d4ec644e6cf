//! What differs in inspections whatever was asked for, and what several options have in common.
//!
//! A reason that begins with `fault:` is none: there ours is to become what Podman's is.

use crate::compare::{Difference, differs, ours_is};

/// Lists whose order means nothing.
pub const UNORDERED: &[&str] = &[
    "BoundingCaps",
    "Config.Env",
    "EffectiveCaps",
    "HostConfig.CapAdd",
    "HostConfig.CapDrop",
    "Mounts.*.Options",
];

pub const STORE: &str = "each engine has its store in a place and a shape of its own";
const NOTES: &str = "Podman keeps notes for itself in annotations";

/// Fields, and why they differ.
pub const GLOBAL: &[Difference] = &[
    differs("Created", "a moment"),
    ours_is("\"pontoon\"", "Config.CreateCommand.0", "the engine's own name"),
    ours_is("\"pontoon\"", "OCIRuntime", "ours is its own runtime"),
    ours_is("0", "lockNumber", "locks of ours are files without numbers"),
    ours_is("\"\"", "PidFile", "ours writes none unless it is asked to"),
    ours_is("\"\"", "ConmonPidFile", "ours writes none unless it is asked to"),
    ours_is("\"\"", "HostConfig.CgroupParent", "ours has no option for it, and no slice for all containers"),
    differs("StaticDir", STORE),
    differs("GraphDriver.Data.*", STORE),
    ours_is("null", "Config.Annotations", NOTES),
    ours_is("null", "HostConfig.Annotations", NOTES),
];

const NOT_TOLD: &str = "Podman mounts what another container has of the host's paths, and does not tell";

/// Of a path of the host that another container has.
pub const BOUND: &[Difference] = &[differs("Mounts", NOT_TOLD), differs("HostConfig.Binds", NOT_TOLD)];

//! Kubernetes.

use super::*;

/// Their commands.
pub(super) const ENTRIES: &[Entry] = &[
    row!(
        "kube apply",
        "Give objects to a cluster, by its API",
        "[options] [CONTAINER|POD|VOLUME...]",
        KubeApplyArgs,
        Command::KubeApply
    ),
    row!(
        "kube down",
        "Remove what Kubernetes objects say",
        "[options] FILE...",
        KubeDownArgs,
        Command::KubeDown
    ),
    row!(
        "kube generate",
        "Write Kubernetes objects of containers, pods and volumes",
        "[options] CONTAINER|POD|VOLUME...",
        KubeGenerateArgs,
        Command::KubeGenerate
    ),
    row!("kube play", "Run what Kubernetes objects say", "[options] FILE...", KubePlayArgs, |args| {
        Command::KubePlay(Box::new(args))
    }),
];

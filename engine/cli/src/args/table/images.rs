//! Images and artifacts.

use super::*;

/// Their commands.
pub(super) const ENTRIES: &[Entry] = &[
    row!("image prune", "Remove images that nothing uses", "[options]", ImagePruneArgs, Command::ImagePrune),
    row!("pull", "Pull images from a registry", "[options] IMAGE...", PullArgs, Command::Pull),
    row!("images", "List images", "[options] [IMAGE]", ImagesArgs, Command::Images),
    row!(
        "history",
        "Show how an image was made, or what a unit has run",
        "[options] IMAGE|UNIT.service",
        HistoryArgs,
        Command::History
    ),
    row!(
        "image tree",
        "Show the layers of an image as a tree",
        "[options] IMAGE",
        ImageTreeArgs,
        Command::ImageTree
    ),
    row!("rmi", "Remove images", "[options] IMAGE...", RmiArgs, Command::Rmi),
    row!(
        "import",
        "Make an image from a tar of a root file system",
        "[options] PATH [NAME]",
        ImportArgs,
        Command::Import
    ),
    row!("load", "Load images from an archive", "[options]", LoadArgs, Command::Load),
    row!("tag", "Give an image more names", "IMAGE NAME...", TagArgs, Command::Tag),
    row!("untag", "Take names from an image", "IMAGE [NAME...]", UntagArgs, Command::Untag),
    row!(
        "image diff",
        "Show what an image's topmost layer changes",
        "[options] IMAGE",
        DiffArgs,
        Command::ImageDiff
    ),
    row!(
        "image mount",
        "Mount images, and tell where",
        "[options] [IMAGE...]",
        ImageMountArgs,
        Command::ImageMount
    ),
    row!("image unmount", "Unmount images", "[options] IMAGE...", ImageUnmountArgs, Command::ImageUnmount),
    row!(
        "image exists",
        "Tell by the exit code whether an image exists",
        "IMAGE",
        ExistsArgs,
        Command::ImageExists
    ),
    row!(
        "image inspect",
        "Show all there is to know about images",
        "[options] IMAGE...",
        InspectImagesArgs,
        Command::ImageInspect
    ),
    row!(
        "artifact add",
        "Make an artifact of files",
        "[options] ARTIFACT PATH...",
        ArtifactAddArgs,
        Command::ArtifactAdd
    ),
    row!(
        "artifact extract",
        "Write the files of an artifact",
        "[options] ARTIFACT PATH",
        ArtifactExtractArgs,
        Command::ArtifactExtract
    ),
    row!(
        "artifact inspect",
        "Show all there is to know about an artifact",
        "[options] ARTIFACT",
        ArtifactInspectArgs,
        Command::ArtifactInspect
    ),
    row!("artifact ls", "List artifacts", "[options]", ArtifactLsArgs, Command::ArtifactLs),
    row!(
        "artifact pull",
        "Pull an artifact from a registry",
        "[options] ARTIFACT",
        ArtifactPullArgs,
        Command::ArtifactPull
    ),
    row!("artifact rm", "Remove artifacts", "[options] ARTIFACT...", ArtifactRmArgs, Command::ArtifactRm),
];

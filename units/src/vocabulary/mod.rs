//! Every key of the nine sections and of `[Quadlet]`, declared once.
//!
//! A row says what a key is called, what form its value has, which option it becomes and what it means; the
//! order of the rows is the order of the options on the command line. Everything that lists, explains,
//! checks or converts keys reads these rows. The tables know no values: what a form means is in
//! [`crate::values`], what needs more than an option is in [`crate::convert`].

mod artifact;
mod build;
mod container;
mod image;
mod kube;
mod network;
mod pod;
mod secret;
mod volume;

use crate::kind::UnitKind;

/// What shape a key's value has, and what several assignments to it mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One text; the last assignment counts, an empty one unsets it.
    Scalar,
    /// One text; the last assignment counts, even an empty one.
    ScalarOrEmpty,
    /// Each line is one value; an empty assignment discards those before it.
    List,
    /// Words with quotes removed, over all lines; an empty assignment discards those before it.
    Words,
    /// Words as on a command line, over all lines; an empty assignment discards those before it.
    Command,
    /// Words as on a command line, of the last assignment only.
    LastCommand,
    /// `name=value` words; a later one of the same name overrides, an empty assignment discards all.
    Pairs,
    /// Yes or no; the last assignment counts.
    Boolean,
    /// A whole number from 0 to 2^32-1; the last assignment counts.
    Number,
}

impl Form {
    /// What a value looks like, in words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Scalar => "one text; the last line counts, an empty one unsets it",
            Self::ScalarOrEmpty => "one text; the last line counts, even an empty one",
            Self::List => "each line is one value; an empty line discards those before it",
            Self::Words => "words, quoted where they hold blanks; an empty line discards those before it",
            Self::Command => {
                "words as on a command line, with escapes; an empty line discards those before it"
            }
            Self::LastCommand => "words as on a command line, with escapes; the last line counts",
            Self::Pairs => "NAME=VALUE words; a later one of a name counts, an empty line discards all",
            Self::Boolean => "true or false; the last line counts",
            Self::Number => "a whole number or, for owners, a name; the last line counts",
        }
    }

    /// Whether a second assignment adds to the first instead of replacing it.
    pub fn repeatable(self) -> bool {
        matches!(self, Self::List | Self::Words | Self::Command | Self::Pairs)
    }
}

/// What a key becomes on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emit {
    /// Two words: the option, then the value.
    Separate(&'static str),
    /// One word: the option, `=`, the value.
    Joined(&'static str),
    /// Two words: the option, then a text directly followed by the value.
    Prefixed(&'static str, &'static str),
    /// Two words, the value in small letters.
    Lowered(&'static str),
    /// A boolean: the option alone if true, with `=false` if false.
    Switch(&'static str),
    /// A boolean: these words if true, nothing if false.
    IfTrue(&'static [&'static str]),
    /// The words of the value as they are.
    Bare,
    /// The converter of the type deals with it, at this point of the command line; what comes of it in words.
    Own(&'static str),
}

impl Emit {
    /// What a key becomes, in words.
    pub fn in_words(self) -> String {
        match self {
            Self::Separate(option) => format!("`{option} VALUE`"),
            Self::Joined(option) => format!("`{option}=VALUE`"),
            Self::Prefixed(option, prefix) => format!("`{option} {prefix}VALUE`"),
            Self::Lowered(option) => format!("`{option} VALUE`, in small letters"),
            Self::Switch(option) => format!("`{option}` if true, `{option}=false` if false"),
            Self::IfTrue(words) => format!("`{}` if true", words.join(" ")),
            Self::Bare => "its words, as they are".to_owned(),
            Self::Own(words) => words.to_owned(),
        }
    }
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key as written.
    pub name: &'static str,
    /// The shape of its value.
    pub form: Form,
    /// What it becomes.
    pub emit: Emit,
    /// The first minor release of Podman that knows it; 4.4 is the first with Quadlet.
    pub since: &'static str,
    /// What it does, in one line.
    pub meaning: &'static str,
    /// A typical value.
    pub example: &'static str,
}

/// A row.
const fn key(
    name: &'static str,
    form: Form,
    emit: Emit,
    since: &'static str,
    meaning: &'static str,
    example: &'static str,
) -> Key {
    Key { name, form, emit, since, meaning, example }
}

/// The keys that several types share, with the release that gave them to a type.
const fn module(since: &'static str) -> Key {
    let becomes = Emit::Own("`--module=VALUE`, before every sub-command");
    key("ContainersConfModule", Form::List, becomes, since, "containers.conf module to load", "gpu.conf")
}

const fn global_args(since: &'static str) -> Key {
    let becomes = Emit::Own("its words, before every sub-command");
    let meaning = "words between the program and its sub-command";
    key("GlobalArgs", Form::Command, becomes, since, meaning, "--log-level=debug")
}

const fn service_name(since: &'static str) -> Key {
    let becomes = Emit::Own("the name of the service");
    let meaning = "name of the service, without `.service`";
    key("ServiceName", Form::ScalarOrEmpty, becomes, since, meaning, "shop")
}

const fn podman_args(since: &'static str) -> Key {
    key("PodmanArgs", Form::Command, Emit::Bare, since, "further words after all options", "--log-level=info")
}

const fn remap_users(since: &'static str) -> Key {
    let becomes = Emit::Own("`--userns VALUE`, or `--uidmap` and `--gidmap`");
    key("RemapUsers", Form::Scalar, becomes, since, "deprecated: how ids are mapped", "auto")
}

const fn remap_uid(since: &'static str) -> Key {
    let becomes = Emit::Own("part of `RemapUsers=`");
    key("RemapUid", Form::Words, becomes, since, "deprecated: range of user ids", "0:10000:1000")
}

const fn remap_gid(since: &'static str) -> Key {
    let becomes = Emit::Own("part of `RemapUsers=`");
    key("RemapGid", Form::Words, becomes, since, "deprecated: range of group ids", "0:10000:1000")
}

const fn remap_uid_size(since: &'static str) -> Key {
    let becomes = Emit::Own("part of `RemapUsers=`");
    key("RemapUidSize", Form::Number, becomes, since, "deprecated: how many ids", "4096")
}

/// The section for what concerns the generator itself, allowed in every type.
pub const QUADLET_SECTION: &str = "Quadlet";

/// The keys of `[Quadlet]`.
static QUADLET: [Key; 1] = [key(
    "DefaultDependencies",
    Form::Boolean,
    Emit::Own("whether the service has `Wants=` and `After=` for that"),
    "5.3",
    "whether the service waits for the network to be online",
    "false",
)];

/// The section for what Podman has no keys for, in `.container` files; its generator passes over it, as systemd does.
pub const EXTENSION_SECTION: &str = "X-Pontoon";

/// The keys of `[X-Pontoon]`.
static EXTENSION: [Key; 2] = [
    key(
        "SocketActivation",
        Form::List,
        Emit::Own("`--activate CONTAINERPORT[/udp]`, and a .socket unit that listens"),
        OURS,
        "port, and the container's, on which systemd listens (`/udp` behind it for datagrams); the container starts with the first connection",
        "8080:80",
    ),
    key(
        "IdleTimeout",
        Form::Scalar,
        Emit::Own("`--idle-timeout SECONDS`"),
        OURS,
        "the container ends when there was no such connection or datagram for that time",
        "5min",
    ),
];

/// In place of a release of Podman: its generator does not know the key.
pub const OURS: &str = "";

/// The sections whose keys are in the tables.
pub const SECTIONS: [&str; 11] = [
    "Container",
    "Pod",
    "Kube",
    "Volume",
    "Network",
    "Image",
    "Build",
    "Artifact",
    "Secret",
    QUADLET_SECTION,
    EXTENSION_SECTION,
];

/// The keys of a section in command-line order; nothing for a section that is not ours.
pub fn keys_of(section: &str) -> Option<&'static [Key]> {
    if section == QUADLET_SECTION {
        return Some(&QUADLET);
    }
    if section == EXTENSION_SECTION {
        return Some(&EXTENSION);
    }
    UnitKind::ALL.into_iter().find(|kind| kind.section() == section).map(keys)
}

/// The keys of a type's own section in command-line order.
pub fn keys(kind: UnitKind) -> &'static [Key] {
    match kind {
        UnitKind::Container => &container::KEYS,
        UnitKind::Pod => &pod::KEYS,
        UnitKind::Kube => &kube::KEYS,
        UnitKind::Volume => &volume::KEYS,
        UnitKind::Network => &network::KEYS,
        UnitKind::Image => &image::KEYS,
        UnitKind::Build => &build::KEYS,
        UnitKind::Artifact => &artifact::KEYS,
        UnitKind::Secret => &secret::KEYS,
    }
}

/// The row of a key.
pub fn find(section: &str, name: &str) -> Option<&'static Key> {
    keys_of(section)?.iter().find(|key| key.name == name)
}

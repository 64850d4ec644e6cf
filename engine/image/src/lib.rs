//! Where images come from: names, registries.conf, credentials, the registry client, archives and layouts.
//!
//! It knows no disk layout of ours and keeps nothing: it is given paths, an environment and limits as values, and
//! gives back bytes whose digests were checked. Everything a registry, an archive or an image says is hostile input.

#![expect(
    clippy::result_large_err,
    reason = "a failed pull is rare, and what it carries is what people read"
)]

pub mod archive;
pub mod artifact;
pub mod cancel;
pub mod config;
pub mod credentials;
pub mod decompress;
pub mod digest;
pub mod environment;
pub mod manifest;
pub mod platform;
pub mod policy;
pub mod reference;
pub mod registries;
pub mod registry;
pub mod rootfs;
pub mod short_name;
pub mod source;
#[cfg(test)]
mod test_dir;
pub mod text_place;
pub mod time;

pub use archive::{Archive, ArchiveError, ArchiveImage};
pub use artifact::{ArtifactBlob, ArtifactError, ArtifactManifest, Choice};
pub use cancel::Cancel;
pub use config::{ConfigError, HealthConfig, HistoryEntry, ImageConfig, RootFs, RunConfig};
pub use credentials::{Credential, CredentialError, CredentialPaths, Credentials};
pub use decompress::{Compression, DecompressLimits};
pub use digest::{Algorithm, Digest, DigestReader, Digester, InvalidDigest, VerifyError};
pub use environment::Environment;
pub use manifest::{Descriptor, Document, Index, Manifest, ManifestError};
pub use platform::{Platform, PlatformRequest};
pub use policy::{Origin, Policy, PolicyError};
pub use reference::{InvalidReference, Reference};
pub use registries::{MirrorUse, RegistriesConf, RegistriesError, RegistriesPaths, Unhonoured};
pub use registry::{
    Answered, ClientOptions, FetchError, Fetched, FoundArtifact, ProxySettings, RegistryClient,
    RegistryError, RegistrySource, Server, TransportError, Trust, fetch,
};
pub use short_name::{ShortNameError, is_short_name, local_candidates, resolve_short_name};
pub use source::{ImageSource, LayerDescriptor, NoProgress, Progress, ResolvedImage, SourceError};

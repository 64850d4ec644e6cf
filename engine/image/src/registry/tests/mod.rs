//! The client against registries that are honest, broken, slow and hostile, all on loopback.

mod auth;
mod hostile;
mod server;
mod transfer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::manifest::{OCI_CONFIG, OCI_LAYER};
use server::{Asked, Reply, Server};

/// A registry's content: what it answers for each path.
#[derive(Clone, Default)]
pub(super) struct Content {
    replies: HashMap<String, Reply>,
}

/// An image with one plain layer.
pub(super) struct Image {
    pub layer: Vec<u8>,
    pub config: String,
    pub manifest: String,
}

impl Image {
    pub(super) fn new() -> Image {
        let layer: Vec<u8> = (0..100_000u32).flat_map(|number| number.to_le_bytes()).collect();
        let diff_id = Digest::sha256(&layer);
        let platform = Platform::host();
        let config = format!(
            r#"{{"os":"linux","architecture":"{}","variant":"{}","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#,
            platform.architecture, platform.variant
        );
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"{OCI_CONFIG}","digest":"{}","size":{}}},"layers":[{{"mediaType":"{OCI_LAYER}","digest":"{diff_id}","size":{}}}]}}"#,
            Digest::sha256(config.as_bytes()),
            config.len(),
            layer.len()
        );
        Image { layer, config, manifest }
    }

    pub(super) fn layer_path(&self) -> String {
        format!("/v2/team/app/blobs/{}", Digest::sha256(&self.layer))
    }

    pub(super) fn content(&self) -> Content {
        let mut content = Content::default();
        content.put("/v2/", Reply::ok("{}"));
        let reply = Reply::ok(&self.manifest).with("Content-Type", OCI_MANIFEST);
        content.put("/v2/team/app/manifests/1", reply.clone());
        content.put(&format!("/v2/team/app/manifests/{}", Digest::sha256(self.manifest.as_bytes())), reply);
        let config = format!("/v2/team/app/blobs/{}", Digest::sha256(self.config.as_bytes()));
        content.put(&config, Reply::ok(&self.config));
        content.put(&self.layer_path(), Reply::bytes(200, self.layer.clone()));
        content
    }
}

impl Content {
    pub(super) fn put(&mut self, path: &str, reply: Reply) {
        self.replies.insert(path.to_owned(), reply);
    }

    pub(super) fn answer(&self, asked: &Asked) -> Reply {
        self.replies.get(&asked.path).cloned().unwrap_or_else(|| {
            Reply::text(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#)
        })
    }

    pub(super) fn serve(self) -> Server {
        Server::new(move |asked| self.answer(asked))
    }
}

use crate::platform::Platform;

/// Quick tries, short patience.
pub(super) fn options() -> ClientOptions {
    ClientOptions {
        retry_delay: Duration::from_millis(1),
        idle_timeout: Duration::from_millis(400),
        ..ClientOptions::default()
    }
}

/// A client for which all loopback registries are insecure.
pub(super) fn client_with(options: ClientOptions, credentials: Credentials) -> RegistryClient {
    let conf = "[[registry]]\nlocation = '127.0.0.1'\ninsecure = true\n";
    RegistryClient::new(options, RegistriesConf::parse(Path::new("r.conf"), conf).unwrap(), credentials)
}

pub(super) fn source(server: &Server) -> RegistrySource {
    source_with(server, Credentials::none())
}

pub(super) fn source_with(server: &Server, credentials: Credentials) -> RegistrySource {
    let image = Reference::parse(&format!("{}/team/app:1", server.authority())).unwrap();
    client_with(options(), credentials).source(&image).unwrap()
}

/// Resolves the image and reads its layer to the end.
pub(super) fn pull(source: &RegistrySource) -> Result<Vec<u8>, String> {
    let image = source.resolve(&PlatformRequest::host()).map_err(|err| chain(&err))?;
    read_layer(source, &image)
}

pub(super) fn read_layer(source: &RegistrySource, image: &ResolvedImage) -> Result<Vec<u8>, String> {
    let limits = DecompressLimits::default();
    let mut reader =
        source.open_layer(&image.layers[0], &limits, Arc::new(NoProgress)).map_err(|err| chain(&err))?;
    let mut out = Vec::new();
    reader.read_to_end(&mut out).map_err(|err| chain(&err))?;
    Ok(out)
}

/// An error with all its causes.
pub(super) fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        text = format!("{text}: {err}");
        cause = err.source();
    }
    text
}

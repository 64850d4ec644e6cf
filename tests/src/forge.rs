//! Images that nobody honest would make, served by a real registry or by one that lies.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::host::TestHost;
use crate::{registry, wait};

/// Where the registry that lies serves plain http.
pub const LIAR: &str = "localhost:5001";

/// Puts an image of these layers into the host's docker-registry by umoci and skopeo; returns its reference.
///
/// `config` is given to `umoci config`.
pub fn image(host: &TestHost, name: &str, layers: &[Vec<u8>], config: &str) -> String {
    let reference = format!("{}/{name}:latest", registry::ADDRESS);
    layout(host, name, layers, config);
    host.root(&format!(
        "skopeo copy -q --dest-tls-verify=false oci:/tmp/forge-{name}:work docker://{reference}"
    ))
    .ok();
    reference
}

/// Makes an OCI layout `/tmp/forge-NAME` (tag `work`) in the host.
pub fn layout(host: &TestHost, name: &str, layers: &[Vec<u8>], config: &str) {
    host.root(&format!(
        "rm -rf /tmp/forge-{name}; umoci init --layout /tmp/forge-{name} && umoci new --image /tmp/forge-{name}:work"
    ))
    .ok();
    for layer in layers {
        host.entry("root")
            .stdin(layer)
            .sh(&format!(
                "cat >/tmp/forge-{name}.tar && umoci raw add-layer --image /tmp/forge-{name}:work /tmp/forge-{name}.tar"
            ))
            .ok();
    }
    if !config.is_empty() {
        host.root(&format!("umoci config --image /tmp/forge-{name}:work {config}")).ok();
    }
    host.root(&format!("rm -f /tmp/forge-{name}.tar; chmod -R a+rX /tmp/forge-{name}")).ok();
}

/// The file in which docker-registry keeps a blob.
pub fn blob_file(digest: &str) -> String {
    let hex = digest.trim_start_matches("sha256:");
    format!("/var/lib/docker-registry/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2])
}

/// Digests of the layers of an image in the host's registry, as its manifest names them.
pub fn layer_digests(host: &TestHost, reference: &str) -> Vec<String> {
    let manifest =
        host.root(&format!("skopeo inspect --raw --tls-verify=false docker://{reference}")).ok().json();
    let layers = manifest["layers"].as_array().expect("a manifest has layers");
    layers.iter().map(|layer| layer["digest"].as_str().expect("a layer has a digest").to_owned()).collect()
}

/// The registry that lies, running in a host.
#[derive(Debug)]
pub struct Liar<'h> {
    host: &'h TestHost,
}

impl<'h> Liar<'h> {
    /// Starts it, unless it runs.
    pub fn start(host: &'h TestHost) -> Self {
        Self::start_at(host, 5001, "")
    }

    /// The same content at another port, for those only who answer a challenge.
    pub fn start_at(host: &'h TestHost, port: u16, challenge: &str) -> Self {
        host.write("root", "/srv/liar.py", include_str!("../host/liar.py"));
        let conf = format!("/etc/containers/registries.conf.d/liar-{port}.conf");
        host.write("root", &conf, registry::insecure(&format!("localhost:{port}")));
        // Two tests may want it at the same moment.
        host.root(&format!(
            "mkdir -p /srv/liar/v2; exec 9</srv/liar; flock 9; systemctl is-active -q liar-{port} || \
             systemd-run -q --unit=liar-{port} python3 /srv/liar.py /srv/liar {port} {challenge}"
        ))
        .ok();
        wait::until("the lying registry to answer", || {
            let answer = host.root(&format!("curl -sS http://localhost:{port}/v2/"));
            if answer.code == 0 { Ok(()) } else { Err(format!("{answer:?}")) }
        });
        Self { host }
    }

    /// Serves `body` at `path`, bent by `meta` (see `host/liar.py`).
    pub fn serve(&self, path: &str, body: &[u8], meta: &Value) {
        self.host.write("root", &format!("/srv/liar{path}"), body);
        self.host.write("root", &format!("/srv/liar{path}.meta"), meta.to_string());
    }

    /// Serves a blob under its true digest and returns the descriptor for it.
    pub fn blob(&self, name: &str, media_type: &str, body: &[u8]) -> Value {
        let digest = digest(body);
        self.serve(&format!("/v2/{name}/blobs/{digest}"), body, &json!({}));
        json!({"mediaType": media_type, "digest": digest, "size": body.len()})
    }

    /// Serves a manifest under `latest` and under its digest; returns the reference.
    pub fn manifest(&self, name: &str, manifest: &Value) -> String {
        let body = manifest.to_string();
        let kind = manifest["mediaType"].as_str().unwrap_or("application/vnd.oci.image.manifest.v1+json");
        for tag in ["latest", &digest(body.as_bytes())] {
            self.serve(&format!("/v2/{name}/manifests/{tag}"), body.as_bytes(), &json!({"type": kind}));
        }
        format!("{LIAR}/{name}:latest")
    }

    /// A whole image of one uncompressed layer; returns its manifest, not yet served.
    pub fn image(&self, name: &str, layer: &[u8], config: &Value) -> Value {
        let layer_descriptor = self.blob(name, "application/vnd.oci.image.layer.v1.tar", layer);
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        });
        let config_descriptor =
            self.blob(name, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config_descriptor,
            "layers": [layer_descriptor],
        })
    }

    /// What was asked so far, one JSON object per request.
    pub fn requests(&self) -> Vec<Value> {
        let log = self.host.root("cat /srv/liar/requests").ok();
        log.stdout.lines().map(|line| serde_json::from_str(line).expect("the log is JSON")).collect()
    }
}

/// `sha256:` and the hexadecimal digest.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

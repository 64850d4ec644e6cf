//! What containers.conf says of networks with names: `default_network`, `default_subnet`, `default_subnet_pools`,
//! `network_config_dir`, `default_rootless_network_cmd`, `host_containers_internal_ip`.

use std::path::PathBuf;

use pontoon_lifecycle::network::NetworkConf;
use pontoon_network::config::{Pool, is_name};
use pontoon_network::{HelperKind, HostName, Subnet};

use super::ContainersConf;

/// A value that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` cannot be the value of `{key}` in containers.conf: it is no {expected}")]
pub struct NetworkConfError {
    /// The key.
    pub key: &'static str,
    /// The value.
    pub value: String,
    /// What it should be.
    pub expected: &'static str,
}

impl ContainersConf {
    /// What it says of networks; what it leaves open is as it always is.
    ///
    /// # Errors
    /// [`NetworkConfError`] for a value that says nothing.
    pub fn networks(&self) -> Result<NetworkConf, NetworkConfError> {
        let mut conf = NetworkConf::default();
        let wrong = |key, value: &str, expected| NetworkConfError { key, value: value.to_owned(), expected };
        if let Some(path) = self.text("network.network_config_dir") {
            conf.directory = Some(PathBuf::from(path));
        }
        if let Some(name) = self.text("network.default_network") {
            if !is_name(name) {
                return Err(wrong("network.default_network", name, "name of a network"));
            }
            name.clone_into(&mut conf.default_name);
        }
        if let Some(text) = self.text("network.default_subnet") {
            let subnet: Subnet = text.parse().map_err(|_| wrong("network.default_subnet", text, "subnet"))?;
            conf.default_subnet = subnet.trunc();
        }
        let pools = self.list("network.default_subnet_pools");
        if !pools.is_empty() {
            let pool = |text: &String| {
                pool(text).ok_or_else(|| {
                    wrong("network.default_subnet_pools", text, "subnet with the length of a longer prefix")
                })
            };
            conf.pools = pools.iter().map(pool).collect::<Result<_, _>>()?;
        }
        if self.text("network.default_rootless_network_cmd") == Some("slirp4netns") {
            conf.uplink = Some(HelperKind::Slirp4netns);
        }
        if let Some(text) = self.text("containers.host_containers_internal_ip") {
            conf.host_name = text.parse().map_or(HostName::Nothing, HostName::At);
        }
        conf.names_are_hostnames = self.truth("containers.container_name_as_hostname") == Some(true);
        Ok(conf)
    }
}

fn pool(text: &str) -> Option<Pool> {
    let (base, size) = text.split_once(' ')?;
    let (base, size): (Subnet, u8) = (base.parse().ok()?, size.parse().ok()?);
    // A network needs room for itself, a gateway and containers.
    let fits = size >= base.prefix_len() && size + 2 <= base.max_prefix_len();
    fits.then(|| Pool { base: base.trunc(), size })
}

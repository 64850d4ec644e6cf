//! A network as the unit that sets it up is told it.

use crate::config::{
    BridgeMode, Driver, IpvlanMode, Isolation, MacvlanMode, NetworkConfig, OptionError, Subnet,
};
use crate::join;

/// Why a network cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Its driver is not ours.
    #[error("network `{name}` has the driver `{driver}`, which is not there")]
    Driver {
        /// Its name.
        name: String,
        /// The driver.
        driver: String,
    },
    /// An option of the driver.
    #[error("network `{name}` cannot be set up")]
    Option {
        /// Its name.
        name: String,
        /// Which one.
        #[source]
        source: OptionError,
    },
    /// Addresses come from outside.
    #[error("network `{name}` takes addresses from a DHCP server, which is not there yet")]
    Dhcp {
        /// Its name.
        name: String,
    },
}

impl NetworkConfig {
    /// What the network unit must know of it.
    ///
    /// # Errors
    /// [`LinkError`] for what it cannot do.
    pub fn link(&self) -> Result<join::Link, LinkError> {
        let options =
            self.options().map_err(|source| LinkError::Option { name: self.name.clone(), source })?;
        let driver = match &self.driver {
            Driver::Bridge => join::Driver::Bridge,
            Driver::Macvlan => join::Driver::Macvlan,
            Driver::Ipvlan => join::Driver::Ipvlan,
            Driver::Other(driver) => {
                return Err(LinkError::Driver { name: self.name.clone(), driver: driver.clone() });
            }
        };
        if self.ipam() == super::Ipam::Dhcp {
            return Err(LinkError::Dhcp { name: self.name.clone() });
        }
        let mode = match driver {
            join::Driver::Bridge => match options.bridge_mode {
                BridgeMode::Managed => None,
                BridgeMode::Unmanaged => Some("unmanaged"),
            },
            join::Driver::Macvlan => match options.macvlan_mode {
                MacvlanMode::Bridge => None,
                MacvlanMode::Private => Some("private"),
                MacvlanMode::Vepa => Some("vepa"),
                MacvlanMode::Passthru => Some("passthru"),
            },
            join::Driver::Ipvlan => match options.ipvlan_mode {
                IpvlanMode::L2 => None,
                IpvlanMode::L3 => Some("l3"),
                IpvlanMode::L3s => Some("l3s"),
            },
        };
        Ok(join::Link {
            name: self.name.clone(),
            id: self.id.clone(),
            driver,
            interface: self.network_interface.clone(),
            subnets: self.subnets.iter().map(subnet).collect(),
            routes: self
                .routes
                .iter()
                .map(|it| join::Route {
                    destination: it.destination.network(),
                    prefix: it.destination.prefix_len(),
                    gateway: Some(it.gateway),
                    kind: join::RouteKind::Unicast,
                    metric: it.metric,
                })
                .collect(),
            internal: self.internal,
            dns: self.dns_enabled,
            dns_servers: self.network_dns_servers.clone(),
            isolate: match options.isolate {
                // Networks are kept apart unless somebody says otherwise.
                Isolation::No if !self.options.contains_key("isolate") => join::Isolation::On,
                Isolation::No => join::Isolation::Off,
                Isolation::Yes => join::Isolation::On,
                Isolation::Strict => join::Isolation::Strict,
            },
            mtu: options.mtu,
            metric: options.metric,
            vlan: options.vlan,
            no_default_route: options.no_default_route,
            vrf: options.vrf,
            broadcast_limit: options.broadcast_limit,
            mode: mode.map(str::to_owned),
        })
    }
}

fn subnet(subnet: &Subnet) -> join::Subnet {
    join::Subnet {
        address: subnet.subnet.network(),
        prefix: subnet.subnet.prefix_len(),
        gateway: subnet.gateway,
        range: subnet.lease_range.as_ref().map(|_| subnet.leases()),
    }
}

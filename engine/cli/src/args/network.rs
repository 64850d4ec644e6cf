//! Commands for networks.

use clap::Args;

/// `network create`
#[derive(Debug, Args)]
pub struct NetworkCreateArgs {
    /// Name; without one it is that of its interface
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Names of containers are not resolved
    #[arg(long)]
    pub disable_dns: bool,
    /// Server that is asked for all other names
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub dns: Vec<String>,
    /// `bridge` (the default), `macvlan` or `ipvlan`
    #[arg(short, long, value_name = "DRIVER")]
    pub driver: Option<String>,
    /// Gateway of the subnet
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub gateway: Vec<String>,
    /// A network of that name is no error
    #[arg(long)]
    pub ignore: bool,
    /// Name of the bridge; of macvlan and ipvlan, the host's interface
    #[arg(long, value_name = "NAME")]
    pub interface_name: Option<String>,
    /// Without a way to the outside
    #[arg(long)]
    pub internal: bool,
    /// Addresses that containers get, a subnet or FIRST-LAST
    #[arg(long, value_name = "RANGE")]
    pub ip_range: Vec<String>,
    /// What gives addresses: `host-local`, `dhcp` or `none`
    #[arg(long, value_name = "DRIVER")]
    pub ipam_driver: Option<String>,
    /// With addresses of IPv6, too
    #[arg(long)]
    pub ipv6: bool,
    /// Set a label
    #[arg(long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// Docker's of old: the driver is macvlan, on this interface of the host
    #[arg(long, value_name = "INTERFACE", hide = true)]
    pub macvlan: Option<String>,
    /// Option of the driver
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub opt: Vec<String>,
    /// Route of the containers: DESTINATION,GATEWAY[,METRIC]
    #[arg(long, value_name = "ROUTE")]
    pub route: Vec<String>,
    /// Its addresses, such as 10.89.7.0/24
    #[arg(long, value_name = "SUBNET")]
    pub subnet: Vec<String>,
}

/// `network ls`
#[derive(Debug, Args)]
pub struct NetworkLsArgs {
    /// Show only what matches KEY=VALUE
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// `json`, `table …` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Show whole ids
    #[arg(long)]
    pub no_trunc: bool,
    /// No headings
    #[arg(short, long)]
    pub noheading: bool,
    /// Show only names
    #[arg(short, long)]
    pub quiet: bool,
}

/// `network inspect`
#[derive(Debug, Args)]
pub struct NetworkInspectArgs {
    /// Names or ids
    #[arg(value_name = "NETWORK", required = true)]
    pub networks: Vec<String>,
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
}

/// `network rm`
#[derive(Debug, Args)]
pub struct NetworkRmArgs {
    /// Names or ids
    #[arg(value_name = "NETWORK", required = true)]
    pub networks: Vec<String>,
    /// Remove containers that use the network, too; a network that does not exist is no error
    #[arg(short, long)]
    pub force: bool,
    /// Seconds until a container that does not stop is killed; -1 waits for ever
    #[arg(short, long, value_name = "SECONDS", alias = "timeout", allow_negative_numbers = true)]
    pub time: Option<i64>,
}

/// `network update`
#[derive(Debug, Args)]
pub struct NetworkUpdateArgs {
    /// Name or id
    #[arg(value_name = "NETWORK", required = true)]
    pub network: String,
    /// Server to be asked for names of the outside
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub dns_add: Vec<String>,
    /// Server not to be asked any more
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub dns_drop: Vec<String>,
}

/// `network connect`
#[derive(Debug, Args)]
pub struct NetworkConnectArgs {
    /// Name or id
    #[arg(value_name = "NETWORK", required = true)]
    pub network: String,
    /// Name or id
    #[arg(value_name = "CONTAINER", required = true)]
    pub container: String,
    /// Name of the container on this network
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub alias: Vec<String>,
    /// Its address
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Option<String>,
    /// Its address of IPv6
    #[arg(long, value_name = "ADDRESS")]
    pub ip6: Option<String>,
    /// Its hardware address
    #[arg(long, value_name = "ADDRESS")]
    pub mac_address: Option<String>,
}

/// `network disconnect`
#[derive(Debug, Args)]
pub struct NetworkDisconnectArgs {
    /// Name or id
    #[arg(value_name = "NETWORK", required = true)]
    pub network: String,
    /// Name or id
    #[arg(value_name = "CONTAINER", required = true)]
    pub container: String,
    /// As without it
    #[arg(short, long)]
    pub force: bool,
}

/// `network reload`
#[derive(Debug, Args)]
pub struct NetworkReloadArgs {
    /// Names or ids
    #[arg(value_name = "CONTAINER")]
    pub containers: Vec<String>,
    /// All containers
    #[arg(short, long, conflicts_with = "containers")]
    pub all: bool,
    /// Take the container created last
    #[arg(short, long, conflicts_with_all = ["containers", "all"])]
    pub latest: bool,
}

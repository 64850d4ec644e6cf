//! Networks: the list and the inspection, with Podman's fields.

use std::collections::BTreeMap;

use pontoon_network::config::{NetworkConfig, Route, Subnet};
use serde::Serialize;

use super::{ListOptions, is_json, is_json_lines, shown_id};
use crate::format::{
    Headings, NullIfEmpty, OmitEmpty, TemplateError, WireTime, json, render_each, render_list,
};

/// One network.
#[derive(Debug, Clone)]
pub struct Row {
    /// What is written down of it.
    pub config: NetworkConfig,
    /// The containers that run on it, by id.
    pub containers: BTreeMap<String, Member>,
    /// Whether any container is on it, running or not.
    pub is_used: bool,
}

/// A container that runs on a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its interfaces, by name.
    pub interfaces: BTreeMap<String, Interface>,
}

/// An interface of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Its addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<Address>,
    /// Its hardware address.
    pub mac_address: String,
}

/// An address of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The address, with the length of its subnet's prefix.
    pub ipnet: String,
    /// The gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
}

/// What a template can ask for, and what JSON has of it.
#[derive(Serialize)]
struct Fields<'a> {
    name: &'a str,
    id: String,
    driver: String,
    network_interface: OmitEmpty<&'a str>,
    created: WireTime,
    subnets: OmitEmpty<NullIfEmpty<Vec<SubnetFields>>>,
    routes: OmitEmpty<NullIfEmpty<Vec<RouteFields>>>,
    ipv6_enabled: bool,
    internal: bool,
    dns_enabled: bool,
    network_dns_servers: OmitEmpty<NullIfEmpty<Vec<String>>>,
    labels: OmitEmpty<Labels<'a>>,
    options: OmitEmpty<&'a BTreeMap<String, String>>,
    ipam_options: OmitEmpty<&'a BTreeMap<String, String>>,
    containers: BTreeMap<&'a str, MemberFields<'a>>,
}

/// Lists tell labels as words, inspections as a map.
#[derive(Serialize)]
#[serde(untagged)]
enum Labels<'a> {
    Map(&'a BTreeMap<String, String>),
    Words(String),
}

#[derive(Serialize)]
struct SubnetFields {
    subnet: String,
    gateway: OmitEmpty<String>,
    lease_range: OmitEmpty<Option<LeaseFields>>,
}

#[derive(Serialize)]
struct LeaseFields {
    start_ip: OmitEmpty<String>,
    end_ip: OmitEmpty<String>,
}

#[derive(Serialize)]
struct RouteFields {
    destination: String,
    gateway: String,
    metric: OmitEmpty<Option<u32>>,
}

/// A container, as templates ask for it.
#[derive(Serialize)]
struct MemberFields<'a> {
    name: &'a str,
    interfaces: BTreeMap<&'a str, InterfaceFields<'a>>,
}

#[derive(Serialize)]
struct InterfaceFields<'a> {
    subnets: OmitEmpty<Vec<AddressFields<'a>>>,
    mac_address: &'a str,
}

#[derive(Serialize)]
struct AddressFields<'a> {
    ipnet: &'a str,
    gateway: OmitEmpty<&'a str>,
}

fn member(it: &Member) -> MemberFields<'_> {
    MemberFields {
        name: &it.name,
        interfaces: it.interfaces.iter().map(|(name, it)| (name.as_str(), interface_fields(it))).collect(),
    }
}

fn interface_fields(it: &Interface) -> InterfaceFields<'_> {
    InterfaceFields {
        subnets: OmitEmpty(it.subnets.iter().map(address_fields).collect()),
        mac_address: &it.mac_address,
    }
}

fn address_fields(it: &Address) -> AddressFields<'_> {
    AddressFields { ipnet: &it.ipnet, gateway: OmitEmpty(it.gateway.as_deref().unwrap_or_default()) }
}

fn subnet(it: &Subnet) -> SubnetFields {
    let text = |it: Option<std::net::IpAddr>| OmitEmpty(it.map(|it| it.to_string()).unwrap_or_default());
    let lease_range = it.lease_range.as_ref();
    SubnetFields {
        subnet: it.subnet.to_string(),
        gateway: text(it.gateway),
        lease_range: OmitEmpty(
            lease_range
                .map(|range| LeaseFields { start_ip: text(range.start_ip), end_ip: text(range.end_ip) }),
        ),
    }
}

fn route(it: &Route) -> RouteFields {
    RouteFields {
        destination: it.destination.to_string(),
        gateway: it.gateway.to_string(),
        metric: OmitEmpty(it.metric),
    }
}

fn words(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

fn fields<'a>(row: &'a Row, id: String, labels: Labels<'a>) -> Fields<'a> {
    let config = &row.config;
    Fields {
        name: &config.name,
        id,
        driver: config.driver.to_string(),
        network_interface: OmitEmpty(&config.network_interface),
        created: WireTime(config.created.clone()),
        subnets: OmitEmpty(NullIfEmpty(config.subnets.iter().map(subnet).collect())),
        routes: OmitEmpty(NullIfEmpty(config.routes.iter().map(route).collect())),
        ipv6_enabled: config.ipv6_enabled,
        internal: config.internal,
        dns_enabled: config.dns_enabled,
        network_dns_servers: OmitEmpty(NullIfEmpty(
            config.network_dns_servers.iter().map(ToString::to_string).collect(),
        )),
        labels: OmitEmpty(labels),
        options: OmitEmpty(&config.options),
        ipam_options: OmitEmpty(&config.ipam_options),
        containers: row.containers.iter().map(|(id, it)| (id.as_str(), member(it))).collect(),
    }
}

const HEADINGS: &Headings = &[
    ("Created", "CREATED"),
    ("DNSEnabled", "DNS ENABLED"),
    ("Driver", "DRIVER"),
    ("ID", "NETWORK ID"),
    ("IPAMOptions", "IPAM OPTIONS"),
    ("IPv6Enabled", "IPV6 ENABLED"),
    ("Internal", "INTERNAL"),
    ("Labels", "LABELS"),
    ("Name", "NAME"),
    ("NetworkDNSServers", "NETWORK DNS SERVERS"),
    ("NetworkInterface", "NETWORK INTERFACE"),
    ("Options", "OPTIONS"),
    ("Routes", "ROUTES"),
    ("Subnets", "SUBNETS"),
];

/// The text of `network ls`.
pub fn list_text(rows: &[Row], options: &ListOptions<'_>) -> Result<String, TemplateError> {
    let configs: Vec<&NetworkConfig> = rows.iter().map(|it| &it.config).collect();
    if is_json(options.format) {
        return Ok(format!("{}\n", json::pretty(&configs, 2)));
    }
    if is_json_lines(options.format) {
        return Ok(super::json_lines(configs));
    }
    if options.quiet {
        return Ok(configs.iter().map(|it| format!("{}\n", it.name)).collect());
    }
    let shown: Vec<Fields<'_>> = rows
        .iter()
        .map(|row| {
            let id = shown_id(&row.config.id, options.no_trunc);
            fields(row, id, Labels::Words(words(&row.config.labels)))
        })
        .collect();
    let format = options.format.unwrap_or("table {{.ID}}\\t{{.Name}}\\t{{.Driver}}");
    render_list(format, &shown, HEADINGS, options.noheading)
}

/// The text of `network inspect`.
pub fn inspect_text(rows: &[Row], format: Option<&str>) -> Result<String, TemplateError> {
    match format {
        None | Some("" | "json") => {
            let shown: Vec<Told<'_>> =
                rows.iter().map(|it| Told { config: &it.config, containers: &it.containers }).collect();
            Ok(format!("{}\n", json::pretty(&shown, 5)))
        }
        Some(template) => {
            let shown: Vec<Fields<'_>> = rows
                .iter()
                .map(|row| fields(row, row.config.id.clone(), Labels::Map(&row.config.labels)))
                .collect();
            render_each(template, &shown)
        }
    }
}

/// The file's text, and who is on the network.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    config: &'a NetworkConfig,
    containers: &'a BTreeMap<String, Member>,
}

//! `--publish`: one mapping from host ports to container ports.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Ports of the host that lead to ports of the container; both ranges have the same length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// Address of the host to listen on; `None` is all of them.
    pub host_ip: Option<IpAddr>,
    /// First host port; 0 asks for any free one (resolved before the plan).
    pub host_port: u16,
    /// First container port.
    pub container_port: u16,
    /// How many ports.
    pub range: u16,
    /// Protocol.
    pub protocol: Protocol,
}

/// Transport protocol of a mapping.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Its name, as it is written after the slash.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

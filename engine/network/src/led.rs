//! Published ports of SCTP, for which nobody listens: the packet filter leads them, and the kernel may have no sockets for them.

use std::net::SocketAddr;

use crate::free::{PortError, addresses};
use crate::{PortMapping, Protocol};

/// Where the host is asked for SCTP, and the container's port.
///
/// # Errors
/// [`PortError::Taken`] if one of the others, which are published already, leads the same.
pub fn led<'a>(
    ports: &[PortMapping],
    others: impl Iterator<Item = &'a PortMapping> + Clone,
) -> Result<Vec<(SocketAddr, u16)>, PortError> {
    let mut led = Vec::new();
    for mapping in ports.iter().filter(|it| it.protocol == Protocol::Sctp) {
        let mut theirs = others.clone().filter(|it| it.protocol == Protocol::Sctp);
        if let Some(port) = theirs.find_map(|it| mapping.common_host_port(it)) {
            return Err(PortError::Taken { port, protocol: Protocol::Sctp });
        }
        let pairs = (mapping.host_port..=u16::MAX).zip(mapping.container_port..=u16::MAX);
        for (host_port, container_port) in pairs.take(usize::from(mapping.range.max(1))) {
            let at = addresses(mapping.host_ip).into_iter().map(|it| SocketAddr::new(it, host_port));
            led.extend(at.map(|it| (it, container_port)));
        }
    }
    Ok(led)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_publish;

    fn mappings(words: &str) -> Vec<PortMapping> {
        words.split_whitespace().map(|word| parse_publish(word).unwrap()).collect()
    }

    #[track_caller]
    fn check(words: &str, others: &str, expected: Result<&str, &str>) {
        let found = led(&mappings(words), mappings(others).iter());
        let found =
            found.map(|it| it.iter().map(|(at, port)| format!("{at}>{port}")).collect::<Vec<_>>().join(" "));
        let found = found.map_err(|err| err.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{words}, {others}");
    }

    #[test]
    fn each_port_is_led_at_every_address_that_it_is_published_on() {
        check("8080:80 53:53/udp", "", Ok(""));
        check("7:9/sctp", "7:9 7:7/udp 8:9/sctp", Ok("0.0.0.0:7>9 [::]:7>9"));
        check(
            "192.0.2.1:7-8:9-10/sctp [2001:db8::1]:7:1/sctp",
            "192.0.2.2:7:7/sctp",
            Ok("192.0.2.1:7>9 192.0.2.1:8>10 [2001:db8::1]:7>1"),
        );
    }

    #[test]
    fn a_port_is_one_containers() {
        let taken = Err("port 7/sctp of the host is taken");
        check("7:9/sctp", "7:9/sctp", taken);
        check("5-7:5-7/sctp", "192.0.2.1:7:1/sctp", taken);
        check("192.0.2.1:7:9/sctp", "0.0.0.0:7:9/sctp", taken);
    }
}

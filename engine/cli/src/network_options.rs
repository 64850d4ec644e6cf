//! The options of `network create`, understood (podman-network-create(1)).

use std::collections::BTreeMap;
use std::net::IpAddr;

use pontoon_network::Subnet;
use pontoon_network::config::{Driver, Ipam, LeaseRange, NewNetwork, NewSubnet, Route};

use crate::args::NetworkCreateArgs;
use crate::run_options::{OptionError, parse_label};

use crate::run_options::Fault;

/// Reads them.
pub fn read(args: &NetworkCreateArgs) -> Result<NewNetwork, OptionError> {
    let labels: Result<BTreeMap<String, String>, OptionError> =
        args.label.iter().map(|it| parse_label(it)).collect();
    let mut options: BTreeMap<String, String> = each("--opt", &args.opt, option)?.into_iter().collect();
    let driver = match &args.macvlan {
        Some(parent) => {
            options.insert("parent".to_owned(), parent.clone());
            Driver::Macvlan
        }
        None => args.driver.as_deref().map_or(Driver::Bridge, Driver::named),
    };
    Ok(NewNetwork {
        name: args.name.clone().filter(|it| !it.is_empty()),
        driver,
        interface: args.interface_name.clone(),
        subnets: subnets(args)?,
        routes: each("--route", &args.route, route)?,
        ipv6: args.ipv6,
        internal: args.internal,
        disable_dns: args.disable_dns,
        dns: addresses("--dns", &args.dns)?,
        labels: labels?,
        options,
        ipam: match args.ipam_driver.as_deref() {
            None => None,
            Some(word) => Some(ipam(word).map_err(|fault| fault.of("--ipam-driver", word))?),
        },
    })
}

fn each<T>(
    option: &'static str,
    values: &[String],
    read: impl Fn(&str) -> Result<T, Fault>,
) -> Result<Vec<T>, OptionError> {
    values.iter().map(|it| read(it).map_err(|fault| fault.of(option, it))).collect()
}

/// Addresses, one to a word; an empty word is none.
pub fn addresses(option: &'static str, values: &[String]) -> Result<Vec<IpAddr>, OptionError> {
    let values: Vec<String> = values.iter().filter(|it| !it.is_empty()).cloned().collect();
    each(option, &values, |it| it.parse().map_err(|_| Fault::invalid("it is no IP address")))
}

/// The subnets, with the gateways and ranges in the order in which they were given: the first belongs to the first.
fn subnets(args: &NetworkCreateArgs) -> Result<Vec<NewSubnet>, OptionError> {
    let subnets = each("--subnet", &args.subnet, subnet)?;
    let gateways = addresses("--gateway", &args.gateway)?;
    let ranges = each("--ip-range", &args.ip_range, range)?;
    for (option, values) in [("--gateway", &args.gateway), ("--ip-range", &args.ip_range)] {
        if let Some(value) = values.iter().filter(|it| !it.is_empty()).nth(subnets.len()) {
            let fault = Fault::invalid("there is no --subnet for it")
                .hint("the first belongs to the first --subnet, and so on");
            return Err(fault.of(option, value));
        }
    }
    let mut gateways = gateways.into_iter();
    let mut ranges = ranges.into_iter();
    let whole = |subnet| NewSubnet { subnet, gateway: gateways.next(), range: ranges.next() };
    Ok(subnets.into_iter().map(whole).collect())
}

fn subnet(text: &str) -> Result<Subnet, Fault> {
    text.parse()
        .map_err(|_| Fault::invalid("it is no subnet").hint("write it as 10.89.7.0/24 or fd00:7::/64"))
}

/// A subnet, or the first and the last address.
fn range(text: &str) -> Result<LeaseRange, Fault> {
    if let Some((first, last)) = text.split_once('-') {
        let address =
            |it: &str| it.trim().parse().map_err(|_| Fault::invalid(format!("`{it}` is no IP address")));
        return Ok(LeaseRange { start_ip: Some(address(first)?), end_ip: Some(address(last)?) });
    }
    let subnet: Subnet = text.parse().map_err(|_| {
        Fault::invalid("it is no range of addresses")
            .hint("write it as 10.89.7.64/26 or 10.89.7.10-10.89.7.20")
    })?;
    // As Podman: the first address after that of the range, and its last one.
    let first = subnet.hosts().next().unwrap_or_else(|| subnet.network());
    Ok(LeaseRange { start_ip: Some(first), end_ip: Some(subnet.broadcast()) })
}

fn route(text: &str) -> Result<Route, Fault> {
    let form = "write it as DESTINATION,GATEWAY[,METRIC], such as 10.20.0.0/16,10.89.7.2,100";
    let words: Vec<&str> = text.split(',').collect();
    let (destination, gateway, metric) = match words.as_slice() {
        [destination, gateway] => (destination, gateway, None),
        [destination, gateway, metric] => (destination, gateway, Some(metric)),
        _ => return Err(Fault::invalid("it is no route").hint(form)),
    };
    let wrong = |what: &str, word: &str| Fault::invalid(format!("`{word}` is no {what}")).hint(form);
    let subnet: Subnet = destination.parse().map_err(|_| wrong("subnet", destination))?;
    if subnet.trunc() != subnet {
        return Err(Fault::invalid(format!("`{destination}` is an address in {}", subnet.trunc())).hint(form));
    }
    Ok(Route {
        destination: subnet,
        gateway: gateway.parse().map_err(|_| wrong("IP address", gateway))?,
        metric: metric.map(|it| it.parse().map_err(|_| wrong("metric", it))).transpose()?,
        other: BTreeMap::new(),
    })
}

fn option(text: &str) -> Result<(String, String), Fault> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Fault::invalid("it must be KEY=VALUE")),
    }
}

fn ipam(word: &str) -> Result<Ipam, Fault> {
    match word {
        "host-local" => Ok(Ipam::HostLocal),
        "dhcp" => Ok(Ipam::Dhcp),
        "none" => Ok(Ipam::None),
        _ => Err(Fault::invalid("it is host-local, dhcp or none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command, parse};

    #[track_caller]
    fn asked(line: &str) -> Result<NewNetwork, String> {
        let words = format!("network create {line}").split_whitespace().map(Into::into).collect();
        match parse(words).map_err(|err| err.to_string())?.command {
            Command::NetworkCreate(args) => read(&args).map_err(|err| err.to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn gateways_and_ranges_belong_to_subnets_in_their_order() {
        let new = asked(
            "--subnet 10.5.0.0/24 --gateway 10.5.0.9 --ip-range 10.5.0.64/26 --subnet fd05::/64 --gateway fd05::9 n",
        )
        .unwrap();
        let told: Vec<_> =
            new.subnets.iter().map(|it| (it.subnet.to_string(), it.gateway.unwrap().to_string())).collect();
        assert_eq!(
            told,
            [
                ("10.5.0.0/24".to_owned(), "10.5.0.9".to_owned()),
                ("fd05::/64".to_owned(), "fd05::9".to_owned())
            ]
        );
        let range = new.subnets.first().unwrap().range.clone().unwrap();
        assert_eq!(
            (range.start_ip, range.end_ip),
            (Some("10.5.0.65".parse().unwrap()), Some("10.5.0.127".parse().unwrap()))
        );
        let new = asked("--subnet 10.5.0.0/24 --ip-range 10.5.0.7-10.5.0.9").unwrap();
        assert_eq!(
            new.subnets.first().unwrap().range.clone().unwrap().end_ip,
            Some("10.5.0.9".parse().unwrap())
        );
        assert_eq!(new.name, None);
    }

    #[test]
    fn what_is_none_is_told_with_its_option() {
        for (line, expected) in [
            ("--gateway 1.2.3.4", "`1.2.3.4` for `--gateway`: there is no --subnet for it"),
            ("--ip-range 10.5.0.0/30", "there is no --subnet for it"),
            ("--subnet abc", "`abc` for `--subnet`: it is no subnet"),
            ("--subnet 10.5.0.0/24 --ip-range 10.5.0.1-x", "`x` is no IP address"),
            ("--route 10.6.0.0/16", "it is no route"),
            ("--route 10.6.0.1/16,10.5.0.1", "`10.6.0.1/16` is an address in 10.6.0.0/16"),
            ("--route 10.6.0.0/16,10.5.0.1,x", "`x` is no metric"),
            ("--dns x", "`x` for `--dns`: it is no IP address"),
            ("-o novalue", "it must be KEY=VALUE"),
            ("--ipam-driver odd", "it is host-local, dhcp or none"),
        ] {
            let said = asked(line).unwrap_err();
            assert!(said.contains(expected), "{line}: {said}");
        }
    }

    #[test]
    fn the_rest_is_taken_as_it_is() {
        let new = asked("-d macvlan -o parent=eth0 -o mtu=1400 --label a=b --label c --dns 1.1.1.1,2.2.2.2 --internal --route 10.6.0.0/16,10.5.0.1,7 --ipam-driver none n").unwrap();
        assert_eq!(new.driver, Driver::Macvlan);
        assert_eq!(new.options.len(), 2);
        assert_eq!(new.labels.get("c").map(String::as_str), Some(""));
        assert_eq!((new.dns.len(), new.internal, new.ipam), (2, true, Some(Ipam::None)));
        assert_eq!(new.routes.first().unwrap().metric, Some(7));
        let old = asked("--macvlan eth0 n").unwrap();
        assert_eq!(old.driver, Driver::Macvlan);
        assert_eq!(old.options, BTreeMap::from([("parent".to_owned(), "eth0".to_owned())]));
    }
}

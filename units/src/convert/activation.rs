//! `SocketActivation=` in `[X-Pontoon]`: the container starts with the first connection or datagram, and ends when it is not
//! needed.
//!
//! Makes a `.socket` beside the service. systemd listens there, as whoever its manager is, so a rootless container of the
//! system's has low ports as well; what comes is led to the payload by the engine (`run --activate`).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::command::CommandLine;
use super::draft::Draft;
use super::service::Start;
use super::work::{self, Work};
use super::{SERVICE, UNIT};
use crate::parse::brief;
use crate::values::Value;

/// Adds the options of the command, and makes the text of the `.socket`.
pub(super) fn convert(work: &mut Work<'_>, run: &mut CommandLine, start: Start) {
    let lines = work.extension.list("SocketActivation", &mut work.faults);
    let idle = work.extension.scalar("IdleTimeout");
    let Some(first) = lines.first() else {
        if let Some(idle) = idle {
            work.error(
                &idle,
                "`IdleTimeout=` needs a `SocketActivation=` beside it",
                "add one, or leave it out",
            );
        }
        return;
    };
    if start == Start::Once {
        work.error(first, "a service of `Type=oneshot` is not started by connections", "leave `Type=` out");
        return;
    }
    let mut listens = Vec::new();
    for line in &lines {
        match read(&line.text) {
            Ok(listen) => {
                let protocol = if listen.is_udp { "/udp" } else { "" };
                run.extend(&["--activate", &format!("{}{protocol}", listen.inner)]);
                listens.push(listen);
            }
            Err(reason) => {
                let text = format!("`{}` {reason}", brief(&line.text));
                work.error(line, text, "write `PORT:CONTAINERPORT` or `ADDRESS:PORT:CONTAINERPORT`, `/udp` behind it for datagrams");
            }
        }
    }
    if let Some(idle) = idle {
        idle_timeout(work, &idle, run);
    }
    let Some(service) = work.file.service.as_deref() else { return };
    let socket = socket_name(service);
    work.tie(&["Requires", "After"], socket);
    let mut draft = Draft::empty();
    draft.add(UNIT, "Description", format!("Connections to {service}"));
    if let Some(path) = work::source_path(&work.file.path) {
        draft.add(UNIT, "SourcePath", path);
    }
    if listens.iter().any(|it| it.is_udp) {
        // Also the first datagram is answered from the address that it came to.
        draft.add("Socket", "PassPacketInfo", "true");
    }
    for listen in listens {
        let key = if listen.is_udp { "ListenDatagram" } else { "ListenStream" };
        draft.add("Socket", key, listen.outer);
    }
    work.beside = Some(draft.to_text());
}

/// The `.socket` of a service.
pub(super) fn socket_name(service: &str) -> String {
    format!("{}.socket", service.strip_suffix(".service").unwrap_or(service))
}

fn idle_timeout(work: &mut Work<'_>, idle: &Value<'_>, run: &mut CommandLine) {
    match seconds(&idle.text) {
        Some(seconds) => run.extend(&["--idle-timeout", &seconds.to_string()]),
        None => {
            let text = format!("`{}` is no time of a second or more", brief(&idle.text));
            work.error(idle, text, "write seconds, or a time such as `5min` or `1h 30min`");
        }
    }
    let Some(entry) = work.file.unit.last(SERVICE, "Restart") else { return };
    if matches!(&*entry.value, "always" | "on-success") {
        let value = crate::values::unquoted_scalar(entry);
        let text = format!("`Restart={}` starts again what `IdleTimeout=` ends", entry.value);
        work.warning(&value, text, "use `Restart=on-failure`");
    }
}

/// A line of `SocketActivation=`.
#[derive(Debug, PartialEq, Eq)]
struct Listen {
    /// What systemd listens on: a port, or an address with one.
    outer: String,
    /// The container's port.
    inner: u16,
    is_udp: bool,
}

/// `[ADDRESS:]PORT[:CONTAINERPORT][/tcp|/udp]`, or what is wrong with it.
fn read(text: &str) -> Result<Listen, &'static str> {
    let text = text.trim();
    let (text, is_udp) = match text.strip_suffix("/udp") {
        Some(text) => (text, true),
        None => (text.strip_suffix("/tcp").unwrap_or(text), false),
    };
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).ok_or("is no port");
    if let Some(rest) = text.strip_prefix('[') {
        let (address, ports) = rest.split_once("]:").ok_or("is no address with a port")?;
        address.parse::<Ipv6Addr>().map_err(|_| "begins with something that is no IPv6 address")?;
        let (outer, inner) = ports.split_once(':').unwrap_or((ports, ports));
        return Ok(Listen { outer: format!("[{address}]:{}", port(outer)?), inner: port(inner)?, is_udp });
    }
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [both] => Ok(Listen { outer: port(both)?.to_string(), inner: port(both)?, is_udp }),
        [outer, inner] => Ok(Listen { outer: port(outer)?.to_string(), inner: port(inner)?, is_udp }),
        [address, outer, inner] => {
            address.parse::<Ipv4Addr>().map_err(|_| "begins with something that is no address")?;
            Ok(Listen { outer: format!("{address}:{}", port(outer)?), inner: port(inner)?, is_udp })
        }
        _ => Err("has too many parts"),
    }
}

/// A time span, systemd.time(7), in whole seconds; nothing if it is none, or less than one.
pub(super) fn seconds(text: &str) -> Option<u32> {
    let mut total: u64 = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|part: char| !part.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|part: char| !part.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit: u64 = match unit {
            "" | "s" | "sec" | "second" | "seconds" => 1,
            "m" | "min" | "minute" | "minutes" => 60,
            "h" | "hr" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            "M" | "month" | "months" => 2_629_800,
            "y" | "year" | "years" => 31_557_600,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = after.trim_start();
    }
    u32::try_from(total).ok().filter(|seconds| *seconds > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_a_port_and_the_containers_port_are_read() {
        let good = |text: &str, outer: &str, inner| {
            let expected = Listen { outer: outer.to_owned(), inner, is_udp: text.ends_with("/udp") };
            assert_eq!(read(text), Ok(expected), "{text}");
        };
        good("8080:80", "8080", 80);
        good("80", "80", 80);
        good("80:8080/tcp", "80", 8080);
        good("53/udp", "53", 53);
        good("[::1]:53:5353/udp", "[::1]:53", 5353);
        good("127.0.0.1:8080:80", "127.0.0.1:8080", 80);
        good("[::1]:8080:80", "[::1]:8080", 80);
        for wrong in [
            "",
            "0:80",
            "80:0",
            "web:80",
            "80:80/sctp",
            "/udp",
            "1:2:3",
            "[::1]",
            "[::x]:1:2",
            "1.2.3.4:1:2:3",
            "65536",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_those_of_systemd() {
        for (text, expected) in [
            ("90", Some(90)),
            ("5min", Some(300)),
            ("1h 30min", Some(5400)),
            ("2 s", Some(2)),
            ("1d", Some(86_400)),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        for wrong in ["", "0", "soon", "5 parsecs", "-1", "99999999999"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}

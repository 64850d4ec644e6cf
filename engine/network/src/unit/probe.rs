//! One probe of a container, or a pause: a helper of that container's supervisor.
//!
//! It asks from inside the container's network, and needs nothing of its image. What came of it is said on standard output, the
//! exit code is 0 if it was good. The supervisor ends one that takes too long.
//!
//! The rules are those of Kubernetes (kubernetes.io, "Configure Liveness, Readiness and Startup Probes"): an answer from 200 to 399
//! is a good one, a redirection is followed up to ten times, unless it leads to another host: then it is good as it is. So is
//! one that leads to HTTPS, which is not spoken here.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;

use pontoon_rootless::sys::inherited_fd;
use rustix::event::poll;
use rustix::process::{Signal, set_parent_process_death_signal};

use super::namespace::enter;

/// Redirections that are followed.
const REDIRECTIONS: usize = 10;

/// Bytes of the head of an answer that are read.
const LONGEST_HEAD: u64 = 64 << 10;

/// Does what the words say: `--network FD`, then `http URL [HEADER…]`, `tcp HOST:PORT` or `sleep SECONDS`.
pub fn run(words: impl Iterator<Item = String>) -> ExitCode {
    let (text, code) = match asked(&words.collect::<Vec<_>>()) {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(err) => (err.to_string(), ExitCode::FAILURE),
    };
    let _ = writeln!(io::stdout(), "{text}");
    code
}

fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text.into())
}

fn asked(words: &[String]) -> io::Result<String> {
    let [option, number, kind, rest @ ..] = words else { return Err(invalid("too few words")) };
    let number = number.parse().ok().filter(|_| option == "--network");
    let network = inherited_fd(number.ok_or_else(|| invalid("no descriptor of a network"))?)?;
    match (kind.as_str(), rest) {
        ("http", [url, headers @ ..]) => get(url, headers, &network),
        ("tcp", [address]) => {
            let (host, port) = host_and_port(address).ok_or_else(|| invalid("an address is HOST:PORT"))?;
            let addresses = addresses(host)?;
            go(&network)?;
            connect(&addresses, port)?;
            Ok("connected".to_owned())
        }
        ("sleep", [seconds]) => {
            let seconds = seconds.parse().map_err(|_| invalid("a pause is a number of seconds"))?;
            // There is nobody to wait for without us.
            set_parent_process_death_signal(Some(Signal::KILL))?;
            rustix::io::retry_on_intr(|| {
                poll(&mut [], Some(&super::timespec(Duration::from_secs(seconds))))
            })?;
            Ok(String::new())
        }
        _ => Err(invalid(format!("unknown probe `{kind}`"))),
    }
}

/// Goes where the payload is, and ends with the supervisor: not said before, as the kernel forgets it with the change of namespaces.
fn go(network: &OwnedFd) -> io::Result<()> {
    enter(network)?;
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// The addresses of a host. Names are asked for where we come from: as with Kubernetes, they are the machine's.
fn addresses(host: &str) -> io::Result<Vec<IpAddr>> {
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
    match bare.parse() {
        Ok(address) => Ok(vec![address]),
        Err(_) => Ok((host, 0).to_socket_addrs()?.map(|it| it.ip()).collect()),
    }
}

fn connect(addresses: &[IpAddr], port: u16) -> io::Result<TcpStream> {
    let mut first = None;
    for address in addresses {
        match TcpStream::connect(SocketAddr::new(*address, port)) {
            Ok(stream) => return Ok(stream),
            // What is wrong with the first is what somebody wants to know.
            Err(err) => {
                let text = format!("cannot connect to {}: {err}", SocketAddr::new(*address, port));
                first.get_or_insert(io::Error::new(err.kind(), text));
            }
        }
    }
    Err(first.unwrap_or_else(|| io::Error::other("the host has no address")))
}

fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    Some((host, port.parse().ok()?)).filter(|_| !host.is_empty())
}

/// What is asked of whom.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Url {
    /// As written, a v6 address in brackets.
    host: String,
    port: u16,
    /// Path and query, from `/` on.
    path: String,
}

impl Url {
    /// Reads `http://HOST[:PORT][/PATH]`.
    fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("http://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let is_bare = !host.contains(':') || host.ends_with(']');
        let (host, port) = if is_bare { (host, 80) } else { host_and_port(host)? };
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let is_clean = |it: &str| !it.is_empty() && !it.contains(|it: char| it.is_control() || it == ' ');
        (is_clean(host) && is_clean(&path)).then(|| Self { host: host.to_owned(), port, path })
    }

    /// Where a redirection leads, if it stays with the host.
    fn redirected(&self, location: &str) -> Option<Self> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Self::read(&format!("http://{}:{}{location}", self.host, self.port));
        }
        Self::read(location).filter(|it| it.host.eq_ignore_ascii_case(&self.host))
    }

    /// The request; headers that are given stand for the usual ones of their names.
    fn request(&self, headers: &[String]) -> io::Result<String> {
        let name = |header: &str| header.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        if headers.iter().any(|it| it.contains(['\r', '\n', '\0']) || !it.contains(':')) {
            return Err(invalid("a header is NAME: VALUE, in one line"));
        }
        let port = if self.port == 80 { String::new() } else { format!(":{}", self.port) };
        let usual = [
            format!("Host: {}{port}", self.host),
            format!("User-Agent: pontoon-probe/{}", env!("CARGO_PKG_VERSION")),
            "Accept: */*".to_owned(),
        ];
        let mut text = format!("GET {} HTTP/1.1\r\n", self.path);
        let is_left = |it: &&String| !headers.iter().any(|other| name(other) == name(it));
        for header in usual.iter().filter(is_left).chain(headers) {
            let _ = write!(text, "{header}\r\n");
        }
        text.push_str("Connection: close\r\n\r\n");
        Ok(text)
    }
}

fn get(url: &str, headers: &[String], network: &OwnedFd) -> io::Result<String> {
    let mut url = Url::read(url).ok_or_else(|| invalid("it is no address that begins with http://"))?;
    let addresses = addresses(&url.host)?;
    go(network)?;
    for _ in 0..=REDIRECTIONS {
        let mut stream = connect(&addresses, url.port)?;
        stream.write_all(url.request(headers)?.as_bytes())?;
        let (code, location) = answer(BufReader::new(stream.take(LONGEST_HEAD)))?;
        if !(200..400).contains(&code) {
            // In the words of Kubernetes.
            return Err(io::Error::other(format!("HTTP probe failed with statuscode: {code}")));
        }
        match location.filter(|_| code >= 300).and_then(|it| url.redirected(&it)) {
            Some(next) => url = next,
            None => return Ok(format!("answered {code}")),
        }
    }
    Err(io::Error::other(format!("stopped after {REDIRECTIONS} redirects")))
}

/// The code of an answer, and where it leads. What the body says plays no part.
fn answer(mut from: impl BufRead) -> io::Result<(u16, Option<String>)> {
    let bad = || io::Error::other("the answer is no HTTP");
    loop {
        let code = status(&line(&mut from)?).ok_or_else(bad)?;
        let mut location = None;
        loop {
            let header = line(&mut from)?;
            if header.is_empty() {
                break;
            }
            let Some((name, value)) = header.split_once(':') else { continue };
            if name.eq_ignore_ascii_case("location") {
                location = Some(value.trim().to_owned());
            }
        }
        // What comes before the answer proper.
        if code >= 200 {
            return Ok((code, location));
        }
    }
}

fn status(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok().filter(|it| (100..600).contains(it))
}

/// A line without its end; empty at the end of all.
fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.read_until(b'\n', &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Option<(String, u16, String)> {
        Url::read(text).map(|it| (it.host, it.port, it.path))
    }

    #[test]
    fn addresses_are_read() {
        let is = |host: &str, port, path: &str| Some((host.to_owned(), port, path.to_owned()));
        assert_eq!(url("http://localhost:8080/a?b=c#d"), is("localhost", 8080, "/a?b=c"));
        assert_eq!(url("http://[::1]:81"), is("[::1]", 81, "/"));
        assert_eq!(url("http://[::1]?x"), is("[::1]", 80, "/?x"));
        for wrong in ["https://a", "http://", "http://a:b/", "http://a/b c", "http://a/\r\nX: y", "a"] {
            assert_eq!(url(wrong), None, "{wrong}");
        }
        assert_eq!(addresses("[::1]").unwrap(), [IpAddr::from(Ipv6Addr::LOCALHOST)]);
        assert_eq!(host_and_port("h:1"), Some(("h", 1)));
        assert_eq!(host_and_port(":1"), None);
    }

    #[test]
    fn requests_have_the_headers_that_are_wanted_once() {
        let url = Url::read("http://localhost:8080/x").unwrap();
        let text = url.request(&["host: shop".to_owned(), "X-A: b".to_owned()]).unwrap();
        assert!(text.starts_with("GET /x HTTP/1.1\r\nUser-Agent: pontoon-probe/"), "{text}");
        assert!(text.ends_with("host: shop\r\nX-A: b\r\nConnection: close\r\n\r\n"), "{text}");
        assert!(!text.contains("Host:"), "{text}");
        assert!(url.request(&["X: a\r\nY: b".to_owned()]).is_err());
    }

    #[test]
    fn answers_are_read_and_redirections_stay_with_the_host() {
        let read = |text: &str| answer(text.as_bytes()).ok();
        assert_eq!(read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 204\r\n\r\n"), Some((204, None)));
        let found = read("HTTP/1.1 302 Found\r\nLOCATION: /next\r\n\r\nbody");
        assert_eq!(found, Some((302, Some("/next".to_owned()))));
        for wrong in ["", "SSH-2.0-x\r\n", "HTTP/1.1 abc\r\n", "HTTP/1.1 999 x\r\n"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let url = Url::read("http://h:1/a").unwrap();
        assert_eq!(url.redirected("/b"), Url::read("http://h:1/b"));
        assert_eq!(url.redirected("http://H:2/b"), Url::read("http://H:2/b"));
        assert_eq!((url.redirected("http://other/"), url.redirected("https://h/")), (None, None));
        assert_eq!(url.redirected("//other/"), None);
    }
}

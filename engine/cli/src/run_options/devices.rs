//! `--device`, `--device-cgroup-rule`.

use pontoon_lifecycle::clean::clean;
use pontoon_lifecycle::request::{DeviceRequest, DeviceRule};
use pontoon_runtime::devices::{Access, DeviceKind};

use super::error::Fault;
use super::{Host, mounts};

/// `HOST[:CONTAINER[:rwm]]` or `HOST:rwm`; after a dash, a device that may be missing.
pub(super) fn read(text: &str, host: &Host) -> Result<DeviceRequest, Fault> {
    let (text, optional) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (device, inside, permissions) = match parts.as_slice() {
        [device] => (*device, *device, "rwm"),
        [device, second] if second.starts_with('/') => (*device, *second, "rwm"),
        [device, second] => (*device, *device, *second),
        [device, inside, permissions] => (*device, *inside, *permissions),
        _ => return Err(Fault::invalid("it must be HOST, HOST:CONTAINER or HOST:CONTAINER:PERMISSIONS")),
    };
    if !device.starts_with(['/', '.']) {
        return Err(Fault::invalid(
            "the device must be a path, as /dev/fuse, or the name of a CDI device, as vendor.com/class=name",
        ));
    }
    if Access::parse(permissions).is_none() {
        return Err(Fault::invalid(format!(
            "`{permissions}` is neither a path in the container nor made of r, w and m"
        )));
    }
    let inside = if inside.starts_with('/') { clean(inside) } else { String::new() };
    if inside.is_empty() || inside == "/" {
        return Err(Fault::invalid("the path in the container must be absolute"));
    }
    let host = mounts::host_path(device, host)?;
    Ok(DeviceRequest { host, container: inside, permissions: permissions.to_owned(), optional })
}

/// One of `--gpus`: the name of a CDI device.
pub(super) fn gpu(text: &str) -> Result<String, Fault> {
    let name = format!("nvidia.com/gpu={text}");
    if !pontoon_lifecycle::cdi::is_name(&name) {
        return Err(Fault::invalid("it must be `all`, or numbers or names of graphics processors"));
    }
    Ok(name)
}

/// `TYPE MAJOR:MINOR ACCESS`, as in the control groups of version 1.
pub(super) fn rule(text: &str, host: &Host) -> Result<DeviceRule, Fault> {
    let [kind, numbers, access] = text.split(' ').collect::<Vec<_>>()[..] else {
        return Err(Fault::invalid("it must be TYPE MAJOR:MINOR ACCESS, as `c 42:* rwm`"));
    };
    let kind = match kind {
        "a" => DeviceKind::All,
        "b" => DeviceKind::Block,
        "c" => DeviceKind::Char,
        other => return Err(Fault::invalid(format!("`{other}` is none of the types a, b and c"))),
    };
    let number = |text: &str| match text {
        "*" => Ok(None),
        text => match text.parse::<u32>() {
            Ok(number) if !text.starts_with('+') => Ok(Some(number)),
            _ => Err(Fault::invalid(format!("`{text}` is neither a number nor `*`"))),
        },
    };
    let (major, minor) = numbers.split_once(':').unwrap_or((numbers, "*"));
    let (major, minor) = (number(major)?, number(minor)?);
    let access = Access::parse(access)
        .ok_or_else(|| Fault::invalid(format!("the access `{access}` is not made of r, w and m")))?;
    if host.rootless {
        return Err(Fault::invalid("only root can tell the kernel which devices a control group may use")
            .hint(
                "give the container the device with --device; the mode of its node decides who may use it",
            ));
    }
    // `a` stands for everything, whatever numbers follow (podman-run(1)).
    let (major, minor) = if kind == DeviceKind::All { (None, None) } else { (major, minor) };
    Ok(DeviceRule { allow: true, kind, major, minor, access })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_root(text: &str) -> Result<DeviceRule, Fault> {
        rule(text, &Host::default())
    }

    #[test]
    fn rules_are_those_of_version_1() {
        let read = of_root("c 42:* rwm").unwrap();
        assert_eq!(
            (read.kind, read.major, read.minor, read.access),
            (DeviceKind::Char, Some(42), None, Access::ALL)
        );
        let read = of_root("b *:7 m").unwrap();
        assert_eq!((read.kind, read.major, read.minor), (DeviceKind::Block, None, Some(7)));
        assert!(read.allow && read.access.mknod && !read.access.read);
        assert_eq!(of_root("c 10 r").unwrap().minor, None);
        assert_eq!(of_root("a 1:2 r").unwrap().major, None);
    }

    #[test]
    fn faults_of_rules_are_named() {
        for (text, word) in [
            ("a", "it must be"),
            ("c 1:3", "it must be"),
            ("x 1:3 r", "`x`"),
            ("c x:3 r", "`x`"),
            ("c 1:+3 r", "`+3`"),
            ("c 1:4294967296 r", "`4294967296`"),
            ("c 1:3 q", "`q`"),
            ("c 1:3 ", "``"),
        ] {
            let Err(Fault::Invalid { why, .. }) = of_root(text) else { panic!("{text} was taken") };
            assert!(why.contains(word), "{text}: {why}");
        }
        let user = Host { rootless: true, ..Host::default() };
        assert!(
            matches!(rule("c 1:3 r", &user), Err(Fault::Invalid { why, .. }) if why.contains("only root"))
        );
    }
}

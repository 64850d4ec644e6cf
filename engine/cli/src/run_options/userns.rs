//! `--userns`.

use pontoon_lifecycle::request::UserNsMode;

use super::error::Fault;

/// `host`, `keep-id`, `keep-id:uid=…,gid=…,size=…`.
pub(super) fn read(text: &str) -> Result<UserNsMode, Fault> {
    let (mode, options) = text.split_once(':').unwrap_or((text, ""));
    match mode {
        "" | "host" if options.is_empty() => Ok(UserNsMode::Host),
        "keep-id" => keep_id(options),
        "auto" | "nomap" | "container" | "ns" | "private" => {
            Err(Fault::not_supported().hint("`host` and `keep-id` are supported"))
        }
        _ => Err(Fault::invalid(
            "it must be `host` or `keep-id`, which may be followed by `:uid=N,gid=N,size=N`",
        )),
    }
}

fn keep_id(options: &str) -> Result<UserNsMode, Fault> {
    let (mut uid, mut gid, mut size) = (None, None, None);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        // The highest id is the kernel's word for "no id".
        let number = value.parse::<u32>().ok().filter(|number| *number < u32::MAX && !value.starts_with('+'));
        let place = match key {
            "uid" => &mut uid,
            "gid" => &mut gid,
            "size" => &mut size,
            _ => {
                return Err(
                    Fault::invalid(format!("keep-id has no option `{key}`")).hint("it has uid, gid and size")
                );
            }
        };
        match number {
            Some(0) if key == "size" => {
                return Err(Fault::invalid("a user namespace of no ids holds nobody"));
            }
            Some(number) => *place = Some(number),
            None => return Err(Fault::invalid(format!("`{option}` needs a number"))),
        }
    }
    Ok(UserNsMode::KeepId { uid, gid, size })
}

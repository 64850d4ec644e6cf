//! `--secret`.

use pontoon_lifecycle::request::{SecretPlace, SecretUse};

use super::error::Fault;

/// `NAME[,type=mount|env][,target=…][,uid=…][,gid=…][,mode=…]`; whether there is such a secret is seen by the deed.
pub(super) fn read(text: &str) -> Result<SecretUse, Fault> {
    let mut fields = text.split(',');
    let mut name = fields.next().unwrap_or_default().to_owned();
    // As in Podman, the name may be a field like the others, but only the first.
    if let Some(value) = name.strip_prefix("source=") {
        name = value.to_owned();
    }
    if name.is_empty() || name.contains('=') {
        return Err(Fault::invalid("it must begin with the name of a secret"));
    }
    let (mut is_env, mut target) = (false, None);
    let (mut uid, mut gid, mut mode) = (None, None, None);
    for field in fields {
        let Some((key, value)) = field.split_once('=').filter(|(_, value)| !value.is_empty()) else {
            return Err(Fault::invalid(format!("`{field}` is not KEY=VALUE")));
        };
        match key {
            "type" => {
                is_env = match value {
                    "env" => true,
                    "mount" => false,
                    _ => return Err(Fault::invalid("the type is `mount` or `env`")),
                }
            }
            "target" => target = Some(value.to_owned()),
            "uid" => uid = Some(id(value)?),
            "gid" => gid = Some(id(value)?),
            "mode" => mode = Some(octal(value)?),
            _ => {
                return Err(Fault::invalid(format!("`{key}` is no key of it"))
                    .hint("the keys are type, target, uid, gid, mode"));
            }
        }
    }
    let place = if is_env {
        if uid.is_some() || gid.is_some() || mode.is_some() {
            return Err(Fault::invalid("a variable has no uid, gid or mode"));
        }
        SecretPlace::Env { name: target.unwrap_or_else(|| name.clone()) }
    } else {
        SecretPlace::Mount {
            target: target.unwrap_or_else(|| name.clone()),
            uid: uid.unwrap_or(0),
            gid: gid.unwrap_or(0),
            mode: mode.unwrap_or(0o444),
        }
    };
    Ok(SecretUse { name, place })
}

fn id(text: &str) -> Result<u32, Fault> {
    text.parse().map_err(|_| Fault::invalid(format!("`{text}` is not the number of a user or group")))
}

fn octal(text: &str) -> Result<u32, Fault> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(mode),
        _ => Err(Fault::invalid(format!("`{text}` is not an octal mode"))),
    }
}

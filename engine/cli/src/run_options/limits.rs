//! `--ulimit`, `--oom-score-adj`, `--sysctl`.

use super::error::Fault;

/// Names of resource limits.
const RESOURCES: [&str; 16] = [
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// `NAME=SOFT[:HARD]`; -1 and `unlimited` are no limit.
pub(super) fn ulimit(text: &str) -> Result<(String, Option<u64>, Option<u64>), Fault> {
    let Some((name, limits)) = text.split_once('=') else {
        return Err(Fault::invalid("it must be NAME=SOFT or NAME=SOFT:HARD"));
    };
    if !RESOURCES.contains(&name) {
        return Err(Fault::invalid(format!("there is no limit `{name}`"))
            .hint(format!("the limits are {}", RESOURCES.join(", "))));
    }
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard) = (limit(soft)?, limit(hard)?);
    if soft.unwrap_or(u64::MAX) > hard.unwrap_or(u64::MAX) {
        return Err(Fault::invalid("the soft limit is above the hard limit"));
    }
    Ok((name.to_owned(), soft, hard))
}

fn limit(text: &str) -> Result<Option<u64>, Fault> {
    match text {
        "-1" | "unlimited" => Ok(None),
        number => match number.parse() {
            Ok(number) if !text.starts_with('+') => Ok(Some(number)),
            _ => Err(Fault::invalid(format!("`{number}` is neither a number nor `unlimited`"))),
        },
    }
}

/// A score from -1000 to 1000.
pub(super) fn oom_score(text: &str) -> Result<i32, Fault> {
    match text.parse() {
        Ok(score) if (-1000..=1000).contains(&score) => Ok(score),
        _ => Err(Fault::invalid("it must be a number from -1000 to 1000")),
    }
}

/// `KEY=VALUE` of a kernel parameter that belongs to a namespace, so that it cannot change the host.
pub(super) fn sysctl(text: &str) -> Result<(String, String), Fault> {
    const KERNEL: [&str; 9] = [
        "kernel.domainname",
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    let Some((key, value)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) else {
        return Err(Fault::invalid("it must be KEY=VALUE"));
    };
    let key = key.trim();
    // A path in the key could leave the directory of parameters.
    let dotted = key.replace('/', ".");
    let namespaced =
        dotted.starts_with("net.") || dotted.starts_with("fs.mqueue.") || KERNEL.contains(&dotted.as_str());
    if !namespaced || dotted.contains("..") {
        return Err(Fault::invalid("the parameter belongs to no namespace of the container").hint(
            "net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm* and kernel.domainname can be set",
        ));
    }
    Ok((key.to_owned(), value.trim().to_owned()))
}

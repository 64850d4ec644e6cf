//! `--rootfs`: a directory in place of an image (podman-run(1), "--rootfs").

use pontoon_lifecycle::mount_ids;
use pontoon_lifecycle::request::RootfsRequest;

use super::Host;
use super::error::Fault;
use super::mounts::host_path;

/// `DIR[:O][:idmap[=MAPS]]`; the directory's own name may have colons, as long as none is followed by such a word.
pub(super) fn read(text: &str, host: &Host) -> Result<RootfsRequest, Fault> {
    let mut request = RootfsRequest::default();
    let mut path = text;
    while let Some((front, word)) = path.rsplit_once(':') {
        match word {
            "O" => request.overlay = true,
            "idmap" => request.idmap = Some(word.to_owned()),
            _ => match word.strip_prefix("idmap=") {
                Some(maps) => {
                    mount_ids::parse(maps).map_err(|err| Fault::invalid(err.to_string()))?;
                    request.idmap = Some(word.to_owned());
                }
                None => break,
            },
        }
        path = front;
    }
    if path.is_empty() {
        return Err(Fault::invalid("the directory is missing"));
    }
    if request.overlay && request.idmap.is_some() {
        return Err(Fault::invalid(
            "the kernel lays nothing over a directory that is shown with other owners",
        )
        .hint("leave out `O` or `idmap`"));
    }
    request.path = host_path(path, host)?;
    Ok(request)
}

//! `volume export`, `import`: a volume's content as an archive.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use pontoon_image::{DecompressLimits, rootfs};
use pontoon_lifecycle::record::VolumeRecord;
use pontoon_lifecycle::{acquire, common, mounted};
use pontoon_storage::{ArchiveForm, ExtractOptions, VolumeHandle, extract_archive, write_archive};
use rustix::fs::{Mode, OFlags, openat};

use super::pull::{attend, ended, worker};
use super::{Context, Failure};
use pontoon_cli::args::{VolumeExportArgs, VolumeImportArgs};
use pontoon_cli::exit::ExitStatus;

/// Where the content of a volume is.
enum Content {
    /// In a directory.
    Directory(PathBuf),
    /// In a mount that has no place.
    Mount(OwnedFd),
}

impl Content {
    fn open(&self) -> std::io::Result<File> {
        Ok(match self {
            Self::Directory(path) => File::open(path)?,
            Self::Mount(mount) => {
                openat(mount, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?.into()
            }
        })
    }
}

/// The volume, and what holds its content.
fn open(context: &Context, name: &str) -> Result<(VolumeHandle, Content), Failure> {
    let store = context.store()?;
    let volume = store.look_up_volume(name)?;
    let record: VolumeRecord = volume.read_entry()?.record()?;
    if record.is_common() && mounted::count(&volume.data_path()) == 0 {
        let theirs = common::of_volume(&store, name)
            .map_err(|err| Failure::from(err).while_doing(format!("cannot open volume `{name}`")))?;
        if let Some(mount) = theirs {
            return Ok((volume, Content::Mount(mount)));
        }
    }
    match record.filesystem() {
        // One that is mounted here has its files in its place.
        Some(it) if mounted::count(&volume.data_path()) == 0 => {
            let text = match it.kind.as_str() {
                "tmpfs" | "ramfs" => {
                    format!("volume `{name}` is a {}, which is empty whenever no container uses it", it.kind)
                }
                kind => format!("volume `{name}` is a file system of type {kind}, which is not mounted"),
            };
            return Err(Failure::new(text, Some(format!("mount it first: pontoon volume mount {name}"))));
        }
        _ => {}
    }
    let directory = record.bound().unwrap_or_else(|| volume.data_path());
    Ok((volume, Content::Directory(directory)))
}

/// `pontoon volume export`
pub fn export(context: &Context, args: &VolumeExportArgs) -> Result<ExitStatus, Failure> {
    let (_volume, content) = open(context, &args.volume)?;
    let failed = |err: Failure| err.while_doing(format!("cannot export volume `{}`", args.volume));
    let out = match args.output.as_deref().filter(|it| *it != Path::new("-")) {
        Some(path) => {
            let made = File::create(path).map_err(|err| {
                failed(Failure::from(err).while_doing(format!("cannot make `{}`", path.display())))
            })?;
            made.into()
        }
        None => {
            super::cp::refuse_terminal("volume export")?;
            rustix::stdio::stdout().try_clone_to_owned()?
        }
    };
    let work = worker(context, |_| {
        let directory = content.open().map_err(|err| failed(err.into()))?;
        let stat = rustix::fs::fstat(&directory).map_err(|err| failed(std::io::Error::from(err).into()))?;
        // The directory itself, which Podman leaves out, only where it is not as in a new volume: whose it is, is what its
        // files need, too, and else the place where the archive is unpacked by hand keeps its mode.
        let is_usual = (stat.st_uid, stat.st_gid, stat.st_mode & 0o7777) == (0, 0, 0o755);
        let itself = (!is_usual).then_some(OsStr::new("."));
        write_archive(directory.as_fd(), itself, ArchiveForm::Plain, File::from(out))
            .map_err(|err| failed(Failure::new(err, None)))?;
        Ok(0)
    })?;
    Ok(ended(attend(work, "nothing")))
}

/// `pontoon volume import`
pub fn import(context: &Context, args: &VolumeImportArgs) -> Result<ExitStatus, Failure> {
    let (volume, content) = open(context, &args.volume)?;
    let failed = |err: Failure| err.while_doing(format!("cannot import into volume `{}`", args.volume));
    let source: Box<dyn Read + Send> = match args.source.as_deref().filter(|it| *it != Path::new("-")) {
        Some(path) => Box::new(File::open(path).map_err(|err| {
            failed(Failure::from(err).while_doing(format!("cannot open `{}`", path.display())))
        })?),
        None => Box::new(std::io::stdin()),
    };
    let work = worker(context, |maps| {
        let archive = rootfs::open_tar_reader(source, &DecompressLimits::default())
            .map_err(|err| failed(Failure::new(err, None)))?;
        let target = content.open().map_err(|err| failed(err.into()))?;
        let ownership = acquire::unpack_options(&context.host, maps).ownership;
        let options = ExtractOptions { ownership, with_root: true, overwrite: true, devices: true };
        extract_archive(archive, target.as_fd(), options).map_err(|err| failed(Failure::new(err, None)))?;
        // What was imported is not to be mixed with what an image has.
        let _ = volume.mark_used();
        Ok(0)
    })?;
    Ok(ended(attend(work, "nothing")))
}

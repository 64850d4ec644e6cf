//! Which images are newer, and how they come here.

use std::collections::HashMap;
use std::path::PathBuf;

use pontoon_image::{Digest, Reference, RegistryClient};
use pontoon_lifecycle::acquire::{self, RegistryWishes};
use pontoon_lifecycle::pull::{PullOptions, knows_remote};
use pontoon_lifecycle::remove;
use pontoon_lifecycle::request::{CreateRequest, PullPolicy};
use pontoon_lifecycle::unit::{Track, UnitRecord};
use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::{FindImageError, ImageId, ImageRecord, Store};

use super::super::{Context, Failure, pull};
use super::task::{Policy, Task, digest};
use pontoon_cli::args::{AutoUpdateArgs, PlatformOptions, RegistryOptions};

/// What a name leads to now, other than what runs.
#[derive(Debug, Clone)]
pub(super) enum Newest {
    /// In its registry, under this digest.
    Remote(Digest),
    /// On this machine.
    Local(ImageRecord),
}

impl Newest {
    /// By which it is remembered.
    pub fn known_as(&self) -> &str {
        match self {
            Self::Remote(digest) => digest.as_str(),
            Self::Local(image) => image.id.hex(),
        }
    }
}

/// Answers of registries, each asked for once.
pub(super) struct Images<'a> {
    context: &'a Context,
    args: &'a AutoUpdateArgs,
    clients: HashMap<Option<PathBuf>, RegistryClient>,
    answers: HashMap<(String, Option<PathBuf>), Digest>,
}

impl<'a> Images<'a> {
    /// What the options name must be there, whether it will be needed or not.
    pub fn new(context: &'a Context, args: &'a AutoUpdateArgs) -> Result<Self, Failure> {
        let images = Self { context, args, clients: HashMap::new(), answers: HashMap::new() };
        images.wishes(args.authfile.clone())?;
        Ok(images)
    }

    /// How to speak with registries.
    fn wishes(&self, authfile: Option<PathBuf>) -> Result<pull::Wishes, Failure> {
        let tls_verify = self.args.tls_verify;
        let registry = RegistryOptions { authfile, tls_verify, ..RegistryOptions::default() };
        Ok(pull::Wishes::of(&PlatformOptions::default(), &registry, false)?)
    }

    pub fn context(&self) -> &'a Context {
        self.context
    }

    /// The newest image of a container, if that is another one than it runs. No layer is fetched for that.
    pub fn newest(&mut self, store: &Store, task: &Task) -> Result<Option<Newest>, Failure> {
        let name = task.image();
        let running = match store.find_image(&task.member.container.record.image_id) {
            Ok(image) => Some(image),
            Err(FindImageError::NotFound { .. }) => None,
            Err(err) => return Err(err.into()),
        };
        Ok(match task.policy {
            Policy::Local => {
                let image = self.context.find_base(store, name)?;
                let is_other = image.id.hex() != task.member.container.record.image_id;
                is_other.then_some(Newest::Local(image))
            }
            Policy::Registry => {
                let reference = Reference::parse(name)?;
                let remote = self.remote(&reference, name, task.authfile.as_ref())?;
                let is_same = running.is_some_and(|it| knows_remote(&it, &reference, &remote));
                (!is_same).then_some(Newest::Remote(remote))
            }
        })
    }

    /// The digest that a registry has under a name.
    fn remote(
        &mut self,
        reference: &Reference,
        name: &str,
        authfile: Option<&PathBuf>,
    ) -> Result<Digest, Failure> {
        let authfile = authfile.or(self.args.authfile.as_ref()).cloned();
        let key = (name.to_owned(), authfile.clone());
        if let Some(digest) = self.answers.get(&key) {
            return Ok(digest.clone());
        }
        if !self.clients.contains_key(&authfile) {
            let wishes = RegistryWishes {
                authfile: authfile.clone(),
                tls_verify: self.args.tls_verify,
                ..RegistryWishes::default()
            };
            let mut options = PullOptions::new(acquire::unpack_options(&self.context.host, None));
            let (client, _) = acquire::client(&self.context.host, &wishes, &mut options)?;
            self.clients.insert(authfile.clone(), client);
        }
        let client = self.clients.get(&authfile);
        let client = client.ok_or_else(|| Failure::new(format!("no client for `{name}`"), None))?;
        let failed = |err: pontoon_image::RegistryError| {
            let hint = err.hint();
            Failure::new(err, hint).while_doing(format!("cannot look for updates of `{name}`"))
        };
        let digest = client.source(reference).map_err(failed)?.remote_digest().map_err(failed)?;
        self.answers.insert(key, digest.clone());
        Ok(digest)
    }

    /// Brings the image here. Its name leads where it led.
    pub fn bring(
        &self,
        store: &Store,
        name: &str,
        newest: &Newest,
        task: &Task,
    ) -> Result<ImageRecord, Failure> {
        let digest = match newest {
            Newest::Local(image) => return Ok(image.clone()),
            Newest::Remote(digest) => digest,
        };
        let wishes = self.wishes(task.authfile.clone().or_else(|| self.args.authfile.clone()))?;
        fetch(self.context, store, name, digest.as_str(), &wishes)
    }
}

/// The image that a name's repository has under a digest: the one that is here, or a pulled one. It gets no name.
pub(in super::super) fn fetch(
    context: &Context,
    store: &Store,
    name: &str,
    digest: &str,
    wishes: &pull::Wishes,
) -> Result<ImageRecord, Failure> {
    let digest: Digest = digest.parse().map_err(|err: pontoon_image::InvalidDigest| {
        Failure::new(err, None).while_doing(format!("cannot fetch an earlier version of `{name}`"))
    })?;
    let image = Reference::parse(name)?.with_digest(digest).to_string();
    let request = CreateRequest { image, pull: PullPolicy::Missing, ..CreateRequest::default() };
    pull::ensure_image(context, store, &request, wishes)
}

/// Lets a name lead to an image that has proved itself.
pub(in super::super) fn adopt(
    context: &Context,
    store: &Store,
    name: &str,
    image: &str,
) -> Result<(), Failure> {
    let reference = Reference::parse(name)?.with_default_tag();
    let Some(id) = image.parse::<ImageId>().ok().filter(|_| reference.digest().is_none()) else {
        return Ok(());
    };
    store.tag(&id, &reference.to_string()).map_err(|err| Failure::new(err, None))?;
    context.host.tell_of_other(Kind::Image, Deed::Tag, image, name);
    Ok(())
}

/// Removes images that a unit has left behind: those without a name that nothing uses and that `rollback` would not go to by
/// itself. What is asked for by its digest later is fetched again.
pub(in super::super) fn tidy(context: &Context, store: &Store, record: &UnitRecord) {
    let mut removed = false;
    for Track { good, bad } in record.images.values() {
        let kept: Vec<&str> = good.iter().rev().take(2).map(|it| it.image.as_str()).collect();
        let left = good.iter().chain(bad).map(|it| it.image.as_str());
        for image in left.filter(|it| !kept.contains(it)) {
            let Ok(image) = store.find_image(image) else { continue };
            // One that is in use is refused.
            if image.names.is_empty() && store.remove_image(&image.id, false).is_ok() {
                context.host.tell_of_removed(&image);
                removed = true;
            }
        }
    }
    if removed {
        remove::delete_files(&context.host, store);
    }
}

/// The digest to remember an image by.
pub(super) fn digest_of(newest: &Newest, image: &ImageRecord, name: &str) -> String {
    match newest {
        Newest::Remote(digest) => digest.to_string(),
        Newest::Local(_) => digest(image, name),
    }
}

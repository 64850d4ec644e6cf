//! `kube down`: what the objects of files say is removed.

use pontoon_kube::document::{Document, Object};
use pontoon_kube::play::{OF_POD, pod_names};
use pontoon_lifecycle::pod::{self as pods, RemovePodError};
use pontoon_lifecycle::record::VolumeRecord;
use pontoon_lifecycle::volume;
use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::{SecretError, Store};

use super::super::pod::stop_pod;
use super::super::{Context, Failure};
use super::{input, unit};
use pontoon_cli::args::KubeDownArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;

/// What was removed, as it is told.
#[derive(Debug, Default)]
pub(super) struct Gone {
    stopped: Vec<String>,
    pods: Vec<String>,
    secrets: Vec<String>,
    volumes: Vec<String>,
}

impl Gone {
    pub(super) fn print(&self) -> Result<(), Failure> {
        for (title, lines) in [
            ("Pods stopped:", &self.stopped),
            ("Pods removed:", &self.pods),
            ("Secrets removed:", &self.secrets),
            ("Volumes removed:", &self.volumes),
        ] {
            output::line(title)?;
            for line in lines {
                output::line(line)?;
            }
        }
        Ok(())
    }
}

/// `pontoon kube down`
pub fn down(context: &Context, args: &KubeDownArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let mut gone = Gone::default();
    // At the end of a unit all goes that it has made, also what its files say no more, or cannot say.
    if let Some(unit) = unit::of_process(context, false) {
        for name in unit.pods(context, &store)? {
            remove_pod(context, &store, &name, &mut gone)?;
        }
    }
    let contents = input::read(context, &args.files)?;
    remove(context, &store, &contents.documents, args.force == Some(true), gone)?.print()?;
    Ok(ExitStatus::Success)
}

/// Removes the pods of documents with all that was made for them, and their secrets; with `force` the volumes of claims, too.
/// What is not there is no error. Tells it together with what went before.
pub(super) fn remove(
    context: &Context,
    store: &Store,
    documents: &[Document],
    force: bool,
    mut gone: Gone,
) -> Result<Gone, Failure> {
    for name in pod_names(documents) {
        remove_pod(context, store, &name, &mut gone)?;
    }
    for document in documents {
        match &document.object {
            Object::Secret(secret) => remove_secret(context, store, &secret.metadata.name, &mut gone)?,
            Object::Claim(claim) if force => {
                let name = &claim.metadata.name;
                if store.find_volume(name).is_ok() {
                    volume::remove(&context.host, store, name, None)?;
                    gone.volumes.push(name.clone());
                }
            }
            _ => {}
        }
    }
    Ok(gone)
}

/// Removes a pod and the volumes that were made for it.
pub(super) fn remove_pod(
    context: &Context,
    store: &Store,
    name: &str,
    gone: &mut Gone,
) -> Result<(), Failure> {
    match pods::find(store, name) {
        Ok((_, pod)) => {
            if pod.members.iter().any(|it| it.status.is_alive()) {
                stop_pod(context, store, &pod, None)?;
                gone.stopped.push(pod.record.id.clone());
            }
            match pods::remove(&context.host, store, &pod.record.id, true, None) {
                Ok(id) => gone.pods.push(id),
                Err(RemovePodError::Look(err)) if err.is_not_found() => {}
                Err(err) => return Err(err.into()),
            }
        }
        Err(err) if err.is_not_found() => {}
        Err(err) => return Err(err.into()),
    }
    for entry in volume::list(store)?.volumes {
        let Ok(record) = entry.record::<VolumeRecord>() else { continue };
        if record.labels.iter().any(|(key, value)| key == OF_POD && value == name) {
            volume::remove(&context.host, store, &entry.name, None)?;
        }
    }
    Ok(())
}

fn remove_secret(context: &Context, store: &Store, name: &str, gone: &mut Gone) -> Result<(), Failure> {
    let Ok(secret) = store.find_secret(name) else { return Ok(()) };
    // One that is not of Kubernetes was not made by us.
    let is_ours = store.secret_data(name).is_ok_and(|it| pontoon_kube::play::read_secret(&it.0).is_some());
    if secret.name != name || !is_ours {
        return Ok(());
    }
    match store.remove_secret(name) {
        Ok(()) => {
            context.host.tell_of_other(Kind::Secret, Deed::Remove, &secret.id, name);
            gone.secrets.push(secret.id);
            Ok(())
        }
        Err(SecretError::NotFound { .. }) => Ok(()),
        Err(err) => Err(err.into()),
    }
}

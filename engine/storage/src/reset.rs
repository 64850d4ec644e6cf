//! The end of a store: all that is its own is deleted.

use std::os::fd::AsFd;

use rustix::fs::AtFlags;

use crate::dir::Place;
use crate::error::FileError;
use crate::store::{OpenError, Store};

/// What a store has in its directory; the file that says what it is goes last.
const OWN: [&str; 13] = [
    "artifacts",
    "containers",
    "images",
    "layers",
    "mount-points",
    "networks",
    "pods",
    "secrets",
    "tmp",
    "trash",
    "units",
    "volumes",
    "format",
];

/// What it has in its runtime directory.
const OWN_RUN: [&str; 3] = ["containers", "pulls", "units"];

impl Store {
    /// Deletes all that is the store's own, and what the caller has put beside it in `ROOT` and `RUN`, told by the beginnings
    /// of its names. Both directories go if nothing else is left in them. Call it where files of mapped ids can be deleted,
    /// while nobody uses the store.
    ///
    /// # Errors
    /// What could not be deleted first.
    pub fn delete(self, beside: &[&str], beside_run: &[&str]) -> Result<(), OpenError> {
        empty(self.run()?, &OWN_RUN, beside_run)?;
        empty(self.root(), &OWN, beside)?;
        Ok(())
    }
}

fn empty(place: &Place, own: &[&str], beside: &[&str]) -> Result<(), FileError> {
    let entries = place.list()?;
    let others = entries.iter().filter_map(|it| it.text());
    let others = others.filter(|name| beside.iter().any(|start| name.starts_with(start)));
    for name in others.chain(own.iter().copied()) {
        crate::remove::remove_tree(place.fd.as_fd(), name)
            .map_err(|error| FileError { path: place.path.join(&error.path), ..error })?;
    }
    // Somebody else's files stay, and so does the directory then.
    let _ = rustix::fs::unlinkat(rustix::fs::CWD, &place.path, AtFlags::REMOVEDIR);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::TestDir;

    #[test]
    fn a_store_goes_and_leaves_what_is_not_its_own() {
        let test = TestDir::new();
        let store = test.store();
        for below in [
            "root/volumes/v/_data/file",
            "root/tmp/left",
            "root/artifacts/blobs/sha256/x",
            "root/units/web.service.json",
            "run/containers/x/state",
            "root/beside",
            "run/memo.3",
        ] {
            test.write(below, b"x");
        }
        test.write("root/photographs/sea", b"x");
        store.delete(&["beside"], &["memo."]).unwrap();
        assert!(!test.exists("run"));
        assert_eq!(std::fs::read_dir(test.path("root")).unwrap().count(), 1);
        assert!(test.exists("root/photographs/sea"));
    }
}

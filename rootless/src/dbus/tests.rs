//! Buses that are not there; the real ones are met on the test host.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::*;

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pontoon-dbus-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_missing_user_manager_is_told_with_what_to_do() {
    let directory = Directory::new("missing");
    let error = Bus::user(&directory.0).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot reach the user manager at `{}/bus`", directory.0.display())
    );
    assert!(error.hint().unwrap().contains("loginctl enable-linger"));
}

#[test]
fn the_runtime_directory_of_somebody_else_is_told() {
    let error = BusError::User {
        path: "/run/user/0/bus".into(),
        owner: Some(0),
        source: std::io::Error::from(std::io::ErrorKind::PermissionDenied),
    };
    assert!(error.hint().unwrap().contains("belongs to uid 0"));
}

#[test]
fn a_bus_that_hangs_up_is_an_error_of_the_deed() {
    let directory = Directory::new("hangs-up");
    let listener = UnixListener::bind(directory.0.join("bus")).unwrap();
    let bus = Bus::user(&directory.0).unwrap();
    let server = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let error = daemon_reload(&bus).unwrap_err();
    server.join().unwrap();
    assert_eq!(error.to_string(), "cannot reload the unit files");
    assert!(matches!(error, ManagerError::Bus { source: BusError::Handshake { .. }, .. }), "{error:?}");
}

#[test]
fn names_of_users_are_no_paths() {
    assert!(!lingers("../linger"));
    assert!(!lingers(".."));
    assert!(!lingers(""));
}

//! Installing into a directory of the test's own.

use super::*;

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pontoon-install-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.0).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn request(files: &[(&str, &str)]) -> Request {
    let files = files.iter().map(|(name, text)| Given { name: (*name).into(), bytes: (*text).into() });
    Request { files: files.collect(), directory: None }
}

const BUNDLE_TEXT: &str =
    "# FileName=web\n[Container]\nImage=x\n\n---\n\n[Volume]\n#FileName=data\n---\n---\n";

#[test]
fn files_are_written_with_a_note_of_what_came_together() {
    let place = Directory::new("written");
    let given = request(&[("web.container", "a"), ("web.env", "b")]);
    let paths = prepare(&place.0, given, false).unwrap().write().unwrap();
    assert_eq!(paths, [place.0.join("web.container"), place.0.join("web.env")]);
    assert_eq!(place.names(), [".web.container.app", "web.container", "web.env"]);
    assert_eq!(fs::read_to_string(place.0.join(".web.container.app")).unwrap(), "web.container\nweb.env\n");
}

#[test]
fn a_file_that_is_there_stays_unless_it_is_to_be_replaced() {
    let place = Directory::new("replaced");
    fs::write(place.0.join("b.container"), "old").unwrap();
    let given = || request(&[("a.container", "new"), ("b.container", "new")]);
    let error = prepare(&place.0, given(), false).unwrap_err();
    assert!(matches!(error, InstallError::Exists { .. }), "{error}");
    assert_eq!(place.names(), ["b.container"]);
    prepare(&place.0, given(), true).unwrap().write().unwrap();
    assert_eq!(fs::read_to_string(place.0.join("b.container")).unwrap(), "new");
}

#[test]
fn a_bundle_is_taken_apart() {
    let place = Directory::new("bundle");
    prepare(&place.0, request(&[("shop.quadlets", BUNDLE_TEXT)]), false).unwrap().write().unwrap();
    assert_eq!(place.names(), [".shop.app", "data.volume", "web.container"]);
    assert_eq!(
        fs::read_to_string(place.0.join("web.container")).unwrap(),
        "# FileName=web\n[Container]\nImage=x\n"
    );
}

#[test]
fn a_bundle_with_a_nameless_part_is_refused_with_its_line() {
    for (text, line) in [
        ("# FileName=a\n[Container]\n---\n[Volume]\n", 4),
        ("# FileName=a/b\n[Container]\n", 1),
        ("# FileName=a\n[Unit]\n", 1),
        ("\n---\n", 1),
    ] {
        let error = prepare(Path::new("/nowhere"), request(&[("a.quadlets", text)]), false).unwrap_err();
        assert!(error.to_string().starts_with(&format!("a.quadlets:{line}: ")), "{error}");
    }
}

#[test]
fn what_is_no_unit_or_leads_elsewhere_is_refused() {
    let refused = |files: &[(&str, &str)]| prepare(Path::new("/nowhere"), request(files), false).unwrap_err();
    assert!(matches!(refused(&[("a.txt", "")]), InstallError::NoUnit { .. }));
    assert!(matches!(refused(&[("a.pod", ""), ("../b", "")]), InstallError::Name { .. }));
    assert!(matches!(refused(&[("a.pod", ""), ("a.pod", "")]), InstallError::Twice { .. }));
    assert!(matches!(refused(&[]), InstallError::Nothing));
}

#[test]
fn a_member_is_removed_with_its_application_and_nothing_else() {
    let place = Directory::new("removed");
    let directories = [place.0.clone()];
    prepare(&place.0, request(&[("shop.quadlets", BUNDLE_TEXT)]), false).unwrap().write().unwrap();
    fs::write(place.0.join("other.container"), "").unwrap();
    assert_eq!(removal(&directories, "gone.container"), None);
    let found = removal(&directories, "data.volume").unwrap();
    assert_eq!(found, removal(&directories, ".shop.app").unwrap());
    assert_eq!(found.units().collect::<Vec<_>>(), ["web.container", "data.volume"]);
    found.carry_out().unwrap();
    assert_eq!(place.names(), ["other.container"]);
    removal(&directories, "other.container").unwrap().carry_out().unwrap();
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn a_note_that_comes_along_is_left_behind() {
    let place = Directory::new("note");
    let mut given = request(&[(".shop.app", "x.container\n"), ("x.container", "")]);
    given.directory = Some("shop".to_owned());
    prepare(&place.0, given, false).unwrap().write().unwrap();
    assert_eq!(fs::read_to_string(place.0.join(".shop.app")).unwrap(), "x.container\n");
    assert_eq!(place.names(), [".shop.app", "x.container"]);
    assert_eq!(fs::metadata(place.0.join("x.container")).unwrap().permissions().mode() & 0o777, 0o644);
}

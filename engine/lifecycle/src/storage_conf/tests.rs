use super::files::Found;
use super::*;

/// Directories of the system and a home, with files in them.
struct Test {
    base: PathBuf,
    environment: BTreeMap<String, String>,
    uid: u32,
}

impl Test {
    fn new(name: &str) -> Self {
        let base = std::env::temp_dir().join(format!("pontoon-storage-conf-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&base);
        Self { base, environment: BTreeMap::new(), uid: 1000 }
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.base.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn try_read(&self) -> Result<StorageConf, StorageConfError> {
        let home = Path::new("/home/ann");
        let reader =
            Reader { uid: self.uid, name: Some("ann"), home: Some(home), environment: &self.environment };
        let mut environment = self.environment.clone();
        let config = self.base.join("config").display().to_string();
        environment.insert("XDG_CONFIG_HOME".to_owned(), config);
        let mut found = Found::default();
        let systems = [self.base.join("usr"), self.base.join("etc")];
        found.read(&Reader { environment: &environment, ..reader }, &systems)?;
        found.finish(&reader)
    }

    fn read(&self) -> StorageConf {
        self.try_read().unwrap()
    }

    /// What is told, without the directory.
    fn told(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.base.display()), "")
    }

    fn fault(&self) -> String {
        self.told(&self.try_read().unwrap_err().to_string())
    }
}

impl Drop for Test {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.base);
    }
}

#[test]
fn the_stores_of_users_and_of_root_lie_where_they_are_said_to() {
    let mut test = Test::new("places");
    assert_eq!(test.read(), StorageConf::default());
    test.file("usr/storage.conf", "[storage]\nrootless_storage_path = \"/usr/$USER\"\n");
    test.file(
        "etc/storage.conf",
        "[storage]\ngraphroot=\"/big/root\"\nrunroot=\"/fast/\"\nrootless_storage_path=\"/big/$USER-${UID}/x/\"\n",
    );
    let conf = test.read();
    assert_eq!((conf.root, conf.run), (Some("/big/ann-1000/x/pontoon".into()), None));
    assert_eq!(conf.file, Some(test.base.join("etc/storage.conf")));
    // The user's file says nothing of the place.
    test.file("config/containers/storage.conf", "[storage]\nrunroot=\"/run/user/1000/fast\"\n");
    let conf = test.read();
    assert_eq!(conf.root, Some("/big/ann-1000/x/pontoon".into()));
    assert_eq!(conf.run, Some("/run/user/1000/fast/pontoon".into()));
    test.file("config/containers/storage.conf", "[storage]\ngraphroot=\"$HOME/gr\"\n");
    assert_eq!(test.read().root, Some("/home/ann/gr/pontoon".into()));
    test.uid = 0;
    let conf = test.read();
    assert_eq!((conf.root, conf.run), (Some("/big/root/pontoon".into()), Some("/fast/pontoon".into())));
}

#[test]
fn what_podman_does_anyway_moves_no_store() {
    let mut test = Test::new("usual");
    test.file(
        "usr/storage.conf",
        "[storage]\ndriver=\"overlay\"\nrunroot=\"/run/containers/storage\"\ngraphroot=\"/var/lib/containers/storage\"\n\
         rootless_storage_path=\"$HOME/.local/share/containers/storage\"\n",
    );
    for uid in [0, 1000] {
        test.uid = uid;
        let conf = test.read();
        assert_eq!((conf.root, conf.run, conf.foreign_driver), (None, None, None));
    }
    // The system's file, copied.
    test.file(
        "config/containers/storage.conf",
        "[storage]\nrunroot=\"/run/user/1000/containers\"\ngraphroot=\"/var/lib/containers/storage/\"\n",
    );
    let conf = test.read();
    assert_eq!((conf.root, conf.run), (None, None));
    test.environment.insert("XDG_DATA_HOME".to_owned(), "/data".to_owned());
    test.file("config/containers/storage.conf", "[storage]\ngraphroot=\"/data/containers/storage\"\n");
    assert_eq!(test.read().root, None);
}

#[test]
fn drop_ins_are_read_by_their_names() {
    let mut test = Test::new("drop-ins");
    test.file("etc/storage.conf", "[storage]\ngraphroot=\"/a\"\n")
        .file("usr/storage.conf.d/20.conf", "[storage]\ngraphroot=\"/b\"\n")
        .file("etc/storage.conf.d/20.conf", "[storage]\ngraphroot=\"/c\"\n")
        .file("etc/storage.conf.d/10.conf", "[storage]\ngraphroot=\"/d\"\n")
        .file("etc/storage.conf.d/30", "[storage]\ngraphroot=\"/e\"\n")
        .file("etc/storage.rootless.conf.d/20.conf", "[storage]\ngraphroot=\"/f\"\n")
        .file("etc/storage.rootless.conf.d/1001/20.conf", "[storage]\ngraphroot=\"/g\"\n");
    assert_eq!(test.read().root, Some("/f/pontoon".into()));
    test.uid = 1001;
    assert_eq!(test.read().root, Some("/g/pontoon".into()));
    test.uid = 0;
    assert_eq!(test.read().root, Some("/c/pontoon".into()));
}

#[test]
fn programs_and_drivers_are_found_with_their_places() {
    let mut test = Test::new("drivers");
    test.file(
        "etc/storage.conf",
        "[storage]\ndriver = \"vfs\"\n[storage.options]\nmount_program = \"/usr/bin/one\"\ndisable-volatile = true\n",
    );
    let conf = test.read();
    let said = |said: &Said<String>| (said.value.clone(), test.told(&said.place));
    let driver = conf.foreign_driver.as_ref().map(said);
    assert_eq!(driver, Some(("vfs".to_owned(), "etc/storage.conf:2:10".to_owned())));
    assert_eq!(conf.mount_program.map(|it| it.value), Some("/usr/bin/one".into()));
    // Root's business.
    assert!(!conf.durable);
    test.file(
        "config/containers/storage.conf",
        "[storage]\ndriver = \"overlay2\"\n[storage.options.overlay]\nmount_program = \"\"\n",
    );
    let conf = test.read();
    assert_eq!((conf.foreign_driver, conf.mount_program), (None, None));
    test.environment.insert("STORAGE_DRIVER".to_owned(), "btrfs".to_owned());
    let options = "overlay.mount_program=/usr/bin/two,overlay.size=1G";
    test.environment.insert("STORAGE_OPTS".to_owned(), options.to_owned());
    let conf = test.read();
    let place = "$STORAGE_DRIVER".to_owned();
    assert_eq!(conf.foreign_driver, Some(Said { value: "btrfs".to_owned(), place }));
    assert_eq!(conf.mount_program.map(|it| it.value), Some("/usr/bin/two".into()));
    assert_eq!(conf.unhonoured, ["$STORAGE_OPTS: `overlay.size=1G` is not honoured"]);
}

#[test]
fn what_has_no_effect_is_told_and_what_is_so_anyway_is_not() {
    let test = Test::new("told");
    test.file("etc/storage.conf", "[storage]\ntransient_store=true\n");
    assert!(test.read().unhonoured.is_empty(), "it is root's");
    test.file(
        "config/containers/storage.conf",
        "[storage]\ntransient_store = true\nimagestore = \"\"\ndriver_priority = [\"vfs\"]\n\
         [storage.options]\nadditionallayerstores = []\npull_options = {enable_partial_images = \"true\"}\n\
         size = \"\"\nroot-auto-userns-user = \"other\"\n\
         [storage.options.overlay]\nmountopt = \"nodev,metacopy=on\"\nignore_chown_errors = \"true\"\nforce_mask = 700\n\
         nonsense = 1\n[storage.options.btrfs]\nsize = \"1G\"\n[other]\nkey = 1\n[empty]\n",
    );
    let conf = test.read();
    let told: Vec<_> = conf.unhonoured.iter().map(|it| test.told(it)).collect();
    let file = "config/containers/storage.conf";
    let line = |line, key| format!("{file}:{line}: `{key}` is not honoured");
    assert_eq!(
        told,
        [
            line(2, "storage.transient_store"),
            line(9, "storage.options.root-auto-userns-user"),
            line(12, "storage.options.overlay.ignore_chown_errors"),
            line(13, "storage.options.overlay.force_mask"),
            line(14, "storage.options.overlay.nonsense"),
            line(17, "other"),
        ]
    );
}

#[test]
fn stores_of_images_are_those_of_the_last_file_that_names_some() {
    let mut test = Test::new("stores");
    test.file("etc/storage.conf", "[storage.options]\nadditionalimagestores = [\"/roots\"]\n");
    assert!(test.read().image_stores.is_empty(), "root's files have other owners");
    let file = "config/containers/storage.conf";
    test.file(file, "[storage.options]\nadditionalimagestores = [\n\"$HOME/a\",\n  \"/b\"]\n");
    let stores = |conf: StorageConf| -> Vec<String> {
        let told = |it: &Said<PathBuf>| format!("{} {}", it.value.display(), test.told(&it.place));
        conf.image_stores.iter().map(told).collect()
    };
    assert_eq!(stores(test.read()), [format!("/home/ann/a {file}:3:1"), format!("/b {file}:4:3")]);
    test.file(
        "config/containers/storage.conf.d/1.conf",
        "[storage.options]\nadditionalimagestores = [\"/c\"]\n",
    );
    assert_eq!(stores(test.read()), ["/c config/containers/storage.conf.d/1.conf:2:26"]);
    test.file(
        "config/containers/storage.conf.d/1.conf",
        "[storage.options]\nadditionalimagestores = [\"c\"]\n",
    );
    assert!(
        test.fault()
            .ends_with("1.conf:2:26: `storage.options.additionalimagestores` must be an absolute path")
    );
    test.environment.insert("STORAGE_OPTS".to_owned(), "overlay.imagestore=/d".to_owned());
    test.file("config/containers/storage.conf.d/1.conf", "[storage.options]\nadditionalimagestores = []\n");
    assert_eq!(
        test.read().image_stores.iter().map(|it| it.place.as_str()).collect::<Vec<_>>(),
        ["$STORAGE_OPTS"]
    );
}

#[test]
fn faults_have_places() {
    let test = Test::new("faults");
    let file = "config/containers/storage.conf";
    for (text, expected) in [
        ("[storage]\ngraphroot = 1\n", ":2:13: `storage.graphroot` must be a string"),
        ("[storage]\ngraphroot = \"gr\"\n", ":2:13: `storage.graphroot` must be an absolute path"),
        (
            "[storage]\nrunroot = \"/r/$NOBODY/x\"\n",
            ":2:11: `storage.runroot` needs the variable `NOBODY`, which is not set",
        ),
        (
            "[storage.options]\ndisable-volatile = \"x\"\n",
            ":2:20: `storage.options.disable-volatile` must be true or false",
        ),
    ] {
        test.file(file, text);
        assert_eq!(test.fault(), format!("{file}{expected}"));
    }
    test.file(file, "[storage\n");
    assert!(test.fault().starts_with(&format!("{file}:1:9: ")), "{}", test.fault());
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let environment = BTreeMap::from([("CONTAINERS_STORAGE_CONF".to_owned(), "/no/such".to_owned())]);
    let reader = Reader { uid: 0, name: None, home: None, environment: &environment };
    let err = read(&reader).unwrap_err();
    assert_eq!(err.to_string(), "cannot read `/no/such`");
    assert!(err.hint().unwrap().contains("CONTAINERS_STORAGE_CONF"));
}

//! Measures what the budgets speak of: unpacking an archive, creating, listing and finding containers.
//!
//! `cargo run --release -p pontoon-storage --example measure -- DIRECTORY [ARCHIVE]`

use std::process::ExitCode;
use std::time::Instant;

use pontoon_storage::{
    ContainerId, Durability, NewContainer, Ownership, Store, StorePaths, UnpackOptions, XattrMode,
};

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = std::path::PathBuf::from(arguments.next().ok_or("a directory is needed")?);
    let paths = StorePaths { root: directory.join("root"), run: directory.join("run") };
    let store = Store::open(paths.clone())?;
    if let Some(archive) = arguments.next() {
        let options = UnpackOptions { ownership: Ownership::Keep, xattr_mode: XattrMode::User };
        let start = Instant::now();
        let layer = store.unpack_layer(None, std::fs::File::open(&archive)?, options)?;
        let unpacked = start.elapsed();
        println!("unpacked {:?} in {unpacked:?}", layer.report());
        let lease = store.lease_layers()?;
        let start = Instant::now();
        store.commit_layers(&lease, vec![layer])?;
        println!("committed in {:?}", start.elapsed());
    }
    let record = vec!["some words of a record"; 100];
    for durability in [Durability::Volatile, Durability::Durable] {
        let start = Instant::now();
        for _ in 0..50 {
            let id = ContainerId::random()?;
            let name = id.hex().get(..20).map(|short| format!("name-{short}"));
            let container = NewContainer {
                id: &id,
                name: name.as_deref(),
                image: None,
                more_images: &[],
                record: &record,
                durability,
            };
            store.create_container(container)?.1.sync()?;
        }
        println!("created a container ({durability:?}) in {:?}", start.elapsed() / 50);
    }
    let start = Instant::now();
    let fresh = Store::open(paths)?;
    println!("opened the store in {:?}", start.elapsed());
    let start = Instant::now();
    fresh.sweep()?;
    println!("swept in {:?}", start.elapsed());
    let start = Instant::now();
    let list = fresh.list_containers()?;
    println!("listed {} containers in {:?}", list.containers.len(), start.elapsed());
    for entry in list.containers {
        let handle = fresh.container(&entry.id)?;
        fresh.remove_container(handle)?;
    }
    let start = Instant::now();
    let report = fresh.empty_trash()?;
    println!("deleted {} in {:?}", report.deleted, start.elapsed());
    Ok(())
}

//! The rows, by what their options are about.

use crate::row::Row;

mod confinement;
mod files;
mod health;
mod identity;
mod ids;
mod image;
mod namespaces;
mod network;
mod process;
mod resources;
mod supervision;

/// All of them.
pub fn all() -> Vec<&'static Row> {
    let groups: [&[Row]; 11] = [
        identity::ROWS,
        image::ROWS,
        process::ROWS,
        ids::ROWS,
        namespaces::ROWS,
        confinement::ROWS,
        files::ROWS,
        network::ROWS,
        resources::ROWS,
        health::ROWS,
        supervision::ROWS,
    ];
    groups.into_iter().flatten().collect()
}

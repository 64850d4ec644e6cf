//! `pontoon-network`: the program of the network unit, see [`unit`].

mod unit;

use std::process::ExitCode;

fn main() -> ExitCode {
    pontoon_rootless::sys::hear_of_children();
    unit::main()
}

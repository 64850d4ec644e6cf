//! Boots test hosts by hand: `testhost shell` gives a prompt in a fresh one.

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    std::process::exit(pontoon_tests::face::run(&words));
}

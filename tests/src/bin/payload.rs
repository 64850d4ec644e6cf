//! What tests put into containers: honest little servers, and hands that try to get out. Built static, so any image can hold it.

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    std::process::exit(pontoon_tests::payload::run(&words));
}

//! Runs the test cases of RFC 8867 in virtual time, prints the figures of RFC 8868 and plots each case.
//!
//! `cargo run --release -p visavis-congestion --example rfc8867 [DIRECTORY]`; without a directory, no plots.

#[path = "../bench/mod.rs"]
mod bench;

use std::io::Write as _;
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let directory = std::env::args_os().nth(1).map(PathBuf::from);
    let mut out = std::io::stdout().lock();
    for case in bench::cases::all() {
        let flows = bench::network::run(&case.scenario);
        writeln!(out, "{} {}", case.id, case.title)?;
        write!(out, "{}", bench::figures::table(&case.scenario, &flows))?;
        if let Some(directory) = &directory {
            std::fs::create_dir_all(directory)?;
            std::fs::write(
                directory.join(format!("rfc8867-{}.svg", case.id)),
                bench::plot::svg(&case, &flows),
            )?;
        }
    }
    Ok(())
}

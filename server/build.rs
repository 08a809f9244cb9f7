//! Has a release build embed the UI anew whenever it was built anew.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A debug build reads the UI when it starts; watching a folder that may be missing would make every build a rebuild.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=../ui/dist");
    }
}

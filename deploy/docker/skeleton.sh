#!/bin/sh
# Leaves of a workspace what its dependencies are built from: manifests, with an empty program and library for each. The layer that
# builds them stays the same then for as long as no manifest changes.
#
#     skeleton.sh FROM TO
set -eu
cd "$1"
find . -name Cargo.toml -o -name Cargo.lock | while read -r file; do
  mkdir -p "$2/$(dirname "$file")"
  cp "$file" "$2/$file"
done
find "$2" -name Cargo.toml | while read -r manifest; do
  grep -q '^\[package\]' "$manifest" || continue
  folder=$(dirname "$manifest")
  mkdir -p "$folder/src"
  echo 'fn main() {}' > "$folder/src/main.rs"
  : > "$folder/src/lib.rs"
done

//! Puts the files below `assets/` into the program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest, Sha256};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("assets");
    println!("cargo::rerun-if-changed=assets");
    let mut files = Vec::new();
    list(&root, &mut files)?;
    files.sort();
    let mut hash = Sha256::new();
    let mut code = String::from("static FILES: &[(&str, &[u8])] = &[\n");
    for path in &files {
        let name = path.strip_prefix(&root).map_err(io::Error::other)?;
        let name = name.to_string_lossy();
        let contents = fs::read(path)?;
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update((contents.len() as u64).to_be_bytes());
        hash.update(&contents);
        let _ = writeln!(code, "    ({name:?}, include_bytes!({:?})),", path.to_string_lossy());
    }
    let digest = hash.finalize();
    let tree: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let _ = writeln!(code, "];\nconst TREE: &str = \"{tree}\";");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("assets.rs");
    fs::write(out, code)
}

/// All files below a folder but hidden ones; none when there is no such folder.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() {
            list(&path, files)?;
        } else if !is_hidden {
            files.push(path);
        }
    }
    Ok(())
}

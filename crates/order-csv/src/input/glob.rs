//! Globs in any store.
//!
//! The crate `glob` walks the local disk only, so of it only the matching of names is used here; the rules for paths
//! are its own: `*`, `?` and `[...]` do not cross a `/`, and `**` as a whole name stands for any depth of folders, also
//! none. A store on the network is asked as little as possible: a folder is listed only where a name is a pattern.

use glob::Pattern;
use store::{Entry, Location};

use crate::CsvError;

/// What one name of the path is matched with.
enum Part<'a> {
    Name(&'a str),
    Pattern(Pattern),
    /// `**`
    AnyDepth,
}

/// Everything that matches the path of `pattern`, once, in no particular order. `input` is for messages.
pub(crate) fn expand(input: &str, pattern: &Location) -> Result<Vec<(Location, Entry)>, CsvError> {
    let path = pattern.path();
    let parts = parse(path).map_err(|source| CsvError::Glob { path: input.to_owned(), source })?;
    let root = if path.starts_with('/') { "/" } else { "" };
    let mut folders = vec![Location::new(pattern.store().clone(), root)];
    let Some((last, parts)) = parts.split_last() else { return Ok(Vec::new()) };
    for part in parts {
        folders = match part {
            // Whether it is there shows when it is listed.
            Part::Name(name) => folders.iter().map(|folder| folder.join(name)).collect(),
            Part::Pattern(pattern) => {
                let mut found = matches(&folders, pattern)?;
                found.retain(|(_, entry)| entry.is_dir);
                found.into_iter().map(|(folder, _)| folder).collect()
            }
            Part::AnyDepth => with_all_below(folders)?,
        };
        // With two `**` there are several ways to the same folder.
        folders.sort_by(|a, b| a.path().cmp(b.path()));
        folders.dedup_by(|a, b| a.path() == b.path());
    }
    match last {
        Part::Name(name) => {
            let mut found = Vec::new();
            for location in folders.iter().map(|folder| folder.join(name)) {
                if let Some(entry) = location.stat()? {
                    found.push((location, entry));
                }
            }
            Ok(found)
        }
        Part::Pattern(pattern) => matches(&folders, pattern),
        // Folders alone, and those are no input.
        Part::AnyDepth => Ok(Vec::new()),
    }
}

fn parse(path: &str) -> Result<Vec<Part<'_>>, glob::PatternError> {
    // First as a whole: the position in the message is then one in the path.
    Pattern::new(path)?;
    let names = path.split('/').filter(|name| !name.is_empty());
    let part = |name| match name {
        "**" => Ok(Part::AnyDepth),
        name if name.contains(['*', '?', '[']) => Pattern::new(name).map(Part::Pattern),
        name => Ok(Part::Name(name)),
    };
    names.map(part).collect()
}

/// What in `folders` has a name that matches.
fn matches(folders: &[Location], pattern: &Pattern) -> Result<Vec<(Location, Entry)>, CsvError> {
    let mut found = Vec::new();
    for folder in folders {
        for entry in list(folder)? {
            if pattern.matches(&entry.name) {
                found.push((folder.join(&entry.name), entry));
            }
        }
    }
    Ok(found)
}

/// The folders and all that are below them.
fn with_all_below(folders: Vec<Location>) -> Result<Vec<Location>, CsvError> {
    let (mut open, mut all) = (folders, Vec::new());
    while let Some(folder) = open.pop() {
        for entry in list(&folder)? {
            if entry.is_dir {
                open.push(folder.join(&entry.name));
            }
        }
        all.push(folder);
    }
    Ok(all)
}

/// What is in `folder`; nothing if there is no such folder.
fn list(folder: &Location) -> Result<Vec<Entry>, CsvError> {
    // The working directory has no name of its own, so that `*.csv` gives `a.csv` and not `./a.csv`.
    let here = folder.path().is_empty();
    let folder = if here { folder.join(".") } else { folder.clone() };
    match folder.stat()? {
        Some(entry) if entry.is_dir => Ok(folder.list_if_exists()?),
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The paths that match, relative to `root`, sorted.
    fn found(root: &str, pattern: &str) -> Vec<String> {
        let found = expand(pattern, &Location::local(format!("{root}/{pattern}"))).unwrap();
        let mut paths: Vec<_> =
            found.iter().map(|(l, _)| l.path()[root.len() + 1..].to_owned()).collect();
        paths.sort();
        paths
    }

    #[test]
    fn the_same_as_the_crate_that_walks_the_local_disk() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_str().unwrap();
        for file in [
            "a.csv",
            "b.csv",
            "b.txt",
            ".h.csv",
            "2024/01/x.csv",
            "2024/02/x.csv",
            "2024/02/y.csv",
            "2025/01/x.csv",
            "2025/x.csv",
            "2025/2025/x.csv",
            "_tmp/01/x.csv",
            "[q]/x.csv",
        ] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        for pattern in [
            "*.csv",
            "?.csv",
            "[a].csv",
            "[!a].csv",
            "*",
            "*/*",
            "*/*/*",
            "*/01/x.csv",
            "*/01/*",
            "202?/0[12]/*.csv",
            "2024/*/y.csv",
            "2024/02/?.csv",
            "*/nothing/*",
            "a.csv/*",
            "*/x.csv",
            "**/x.csv",
            "**/*.csv",
            "2025/**/x.csv",
            "**/2025/**/x.csv",
            "**/**/y.csv",
            "**",
            "2024/**",
            "*/./x.csv",
            "[[]q]/x.csv",
            "[[]q[]]/*.csv",
            "_*/*/x.csv",
            "B.csv",
            "./*.csv",
            "2024//0*//x.csv",
        ] {
            let mut expected: Vec<_> = glob::glob(&format!("{root}/{pattern}"))
                .unwrap()
                .map(|path| path.unwrap())
                // Folders at the end of `**` are left out here.
                .filter(|path| !pattern.ends_with("**") || path.is_file())
                .map(|path| path.to_str().unwrap()[root.len() + 1..].to_owned())
                .collect();
            expected.sort();
            expected.dedup();
            assert_eq!(found(root, pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn relative_paths_stay_as_they_are_written() {
        // Tests run in the folder of their crate.
        let paths = |pattern: &str| {
            let found = expand(pattern, &Location::local(pattern)).unwrap();
            found.iter().map(|(l, _)| l.path().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(paths("Cargo.*"), ["Cargo.toml"]);
        assert_eq!(paths("./Cargo.*"), ["./Cargo.toml"]);
        assert_eq!(paths("src/li?.rs"), ["src/lib.rs"]);
        assert_eq!(paths("../order-csv/src/li?.rs"), ["../order-csv/src/lib.rs"]);
    }

    #[test]
    fn patterns_that_do_not_parse() {
        for pattern in ["/x/[.csv", "/x/a**.csv", "/[a/b].csv", "/x/***"] {
            let error = expand(pattern, &Location::local(pattern)).unwrap_err().to_string();
            assert_eq!(error, format!("input {pattern:?} is not a valid glob"));
        }
    }
}

//! Which files a user means.

mod glob;

use store::{Entry, Location, Stores};

use crate::CsvError;

/// One input file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Where it is.
    pub location: Location,
    /// Bytes in the store.
    pub size: u64,
}

/// Finds the files that `input` names: one file, all CSV files of a folder (not of its sub-folders), or the files
/// that match a glob. They come back sorted by path. Hidden names (`.`, `_`) are passed over, as in every Hadoop tool;
/// among several files those without a byte are passed over too (Spark leaves such parts behind).
///
/// `stores` says where that is: `input` is an address or a bare path, see [`Stores::locate`]. A name that exists as it
/// stands is not read as a glob.
pub fn resolve(stores: &Stores, input: &str) -> Result<Vec<InputFile>, CsvError> {
    let location = stores.locate(input)?;
    let is_glob = input.contains(['*', '?', '[']);
    match location.stat() {
        Ok(Some(entry)) if entry.is_dir => folder(input, &location),
        Ok(Some(entry)) if entry.is_file => Ok(vec![InputFile { location, size: entry.size }]),
        Ok(Some(_)) => Err(CsvError::NotAFile { path: location }),
        Ok(None) if is_glob => expand(input, &location),
        // A store may refuse to look up a name with such characters; one that cannot be asked may know the name.
        Err(error) if is_glob && !error.is_retryable() => expand(input, &location),
        Ok(None) => Err(CsvError::NotFound { path: input.to_owned() }),
        Err(error) => Err(error.into()),
    }
}

fn folder(input: &str, location: &Location) -> Result<Vec<InputFile>, CsvError> {
    let mut found = Vec::new();
    for entry in location.list()? {
        if is_csv_name(&entry.name) {
            found.push((location.join(&entry.name), entry));
        }
    }
    several("folder", input, found)
}

fn expand(input: &str, pattern: &Location) -> Result<Vec<InputFile>, CsvError> {
    let mut found = glob::expand(input, pattern)?;
    found.retain(|(location, _)| !is_hidden(location.name()));
    several("glob", input, found)
}

fn several(
    what: &'static str,
    input: &str,
    mut found: Vec<(Location, Entry)>,
) -> Result<Vec<InputFile>, CsvError> {
    // Folder by folder: `a/x` stands before `a-b/x`.
    found.sort_by(|(a, _), (b, _)| a.path().split('/').cmp(b.path().split('/')));
    let mut files = Vec::new();
    let mut empty = None;
    for (location, entry) in found {
        if entry.is_file && entry.size > 0 {
            files.push(InputFile { location, size: entry.size });
        } else if entry.is_file {
            empty = Some(location);
        }
    }
    match (files.is_empty(), empty) {
        (false, _) => Ok(files),
        (true, Some(path)) => Err(CsvError::Empty { path }),
        (true, None) => Err(CsvError::NoFiles { what, path: input.to_owned() }),
    }
}

fn is_hidden(name: &str) -> bool {
    name.is_empty() || name.starts_with(['.', '_'])
}

fn is_csv_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    !is_hidden(name) && (lower.ends_with(".csv") || lower.ends_with(".csv.gz"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(files: &[InputFile]) -> Vec<String> {
        files.iter().map(|f| f.location.name().to_owned()).collect()
    }

    fn resolve(input: &str) -> Result<Vec<InputFile>, CsvError> {
        super::resolve(&Stores::local(), input)
    }

    #[test]
    fn folders_and_globs() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.CSV", "c.csv.gz", "_SUCCESS", ".x.csv", "notes.txt"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        fs::write(dir.path().join("empty.csv"), "").unwrap();
        fs::create_dir(dir.path().join("d.csv")).unwrap();
        let root = dir.path().to_str().unwrap();
        assert_eq!(names(&resolve(root).unwrap()), ["a.CSV", "b.csv", "c.csv.gz"]);
        assert_eq!(names(&resolve(&format!("file://{root}")).unwrap()).len(), 3);
        assert_eq!(names(&resolve(&format!("{root}/*.csv")).unwrap()), ["b.csv"]);
        assert_eq!(names(&resolve(&format!("{root}/notes.txt")).unwrap()), ["notes.txt"]);
    }

    #[test]
    fn a_name_wins_over_its_reading_as_a_glob() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["[a].csv", "a.csv", "*.csv"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        let root = dir.path().to_str().unwrap();
        for (pattern, expected) in [
            ("[a].csv", &["[a].csv"][..]),
            ("*.csv", &["*.csv"]),
            ("[ab].csv", &["a.csv"]),
            ("?.csv", &["*.csv", "a.csv"]),
        ] {
            assert_eq!(names(&resolve(&format!("{root}/{pattern}")).unwrap()), expected);
        }
    }

    #[test]
    fn files_stand_folder_by_folder() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["a-b", "a", "b"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join("x.csv"), folder).unwrap();
        }
        let root = dir.path().to_str().unwrap();
        let files = resolve(&format!("{root}/*/*.csv")).unwrap();
        let found: Vec<_> = files.iter().map(|f| &f.location.path()[root.len()..]).collect();
        assert_eq!(found, ["/a/x.csv", "/a-b/x.csv", "/b/x.csv"]);
        assert_eq!(files.iter().map(|f| f.size).collect::<Vec<_>>(), [1, 3, 1]);
    }

    #[test]
    fn what_cannot_be_found_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_str().unwrap();
        let message = |input: &str| resolve(input).unwrap_err().to_string();
        assert!(message(&format!("{root}/no.csv")).contains("does not exist"));
        assert!(message(root).contains("holds no CSV file"));
        assert!(message(&format!("{root}/*.csv")).contains("glob"));
        assert!(message("hdfs://name/x.csv").contains("cannot use 'hdfs://name/x.csv'"));
        assert!(message(&format!("{root}/[.csv")).contains("not a valid glob"));
        assert!(message("/dev/null").contains("neither a file nor a folder"));
        fs::write(dir.path().join("only.csv"), "").unwrap();
        assert!(message(root).contains("is empty"));
    }
}

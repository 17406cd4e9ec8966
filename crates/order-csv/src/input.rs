//! Which files a user means.

use std::fs;
use std::path::{Path, PathBuf};

use crate::CsvError;

/// One input file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes on disk.
    pub size: u64,
}

/// Finds the files that `input` names: one file, all CSV files of a folder (not of its sub-folders), or the files
/// that match a glob. They come back sorted by path. Hidden names (`.`, `_`) are passed over, as in every Hadoop tool;
/// among several files those without a byte are passed over too (Spark leaves such parts behind).
pub fn resolve(input: &str) -> Result<Vec<InputFile>, CsvError> {
    let path = local_path(input)?;
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => folder(input, &path),
        Ok(metadata) if metadata.is_file() => Ok(vec![InputFile { path, size: metadata.len() }]),
        Ok(_) => Err(CsvError::NotAFile { path }),
        Err(_) if input.contains(['*', '?', '[']) => glob(input, &path),
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
            Err(CsvError::NotFound { path: input.to_owned() })
        }
        Err(source) => Err(CsvError::Read { path, offset: 0, source }),
    }
}

fn local_path(input: &str) -> Result<PathBuf, CsvError> {
    let scheme = input.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    match scheme {
        Some((scheme, rest)) if scheme == "file" => {
            Ok(PathBuf::from(rest.strip_prefix("//").unwrap_or(rest)))
        }
        // A one-letter scheme or one with a slash before the colon is a file name.
        Some((scheme, _))
            if scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            Err(CsvError::Scheme { path: input.to_owned(), scheme })
        }
        _ => Ok(PathBuf::from(input)),
    }
}

fn folder(input: &str, path: &Path) -> Result<Vec<InputFile>, CsvError> {
    let failed = |source| CsvError::Read { path: path.to_owned(), offset: 0, source };
    let mut candidates = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        candidates.push(entry.map_err(failed)?.path());
    }
    candidates.retain(|path| is_csv_name(path));
    several("folder", input, candidates)
}

fn glob(input: &str, pattern: &Path) -> Result<Vec<InputFile>, CsvError> {
    let pattern = pattern.to_string_lossy();
    let paths =
        glob::glob(&pattern).map_err(|source| CsvError::Glob { path: input.to_owned(), source })?;
    let mut candidates = Vec::new();
    for path in paths {
        candidates.push(path.map_err(|error| CsvError::Read {
            path: error.path().to_owned(),
            offset: 0,
            source: error.into(),
        })?);
    }
    candidates.retain(|path| !is_hidden(path));
    several("glob", input, candidates)
}

fn several(
    what: &'static str,
    input: &str,
    mut candidates: Vec<PathBuf>,
) -> Result<Vec<InputFile>, CsvError> {
    candidates.sort();
    let mut files = Vec::new();
    let mut empty = None;
    for path in candidates {
        let metadata = fs::metadata(&path).map_err(|source| CsvError::Read {
            path: path.clone(),
            offset: 0,
            source,
        })?;
        if metadata.is_file() && metadata.len() > 0 {
            files.push(InputFile { path, size: metadata.len() });
        } else if metadata.is_file() {
            empty = Some(path);
        }
    }
    match (files.is_empty(), empty) {
        (false, _) => Ok(files),
        (true, Some(path)) => Err(CsvError::Empty { path }),
        (true, None) => Err(CsvError::NoFiles { what, path: input.to_owned() }),
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| {
        name.as_encoded_bytes().starts_with(b".") || name.as_encoded_bytes().starts_with(b"_")
    })
}

fn is_csv_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    !is_hidden(path) && (name.ends_with(".csv") || name.ends_with(".csv.gz"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[InputFile]) -> Vec<String> {
        files.iter().map(|f| f.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
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
    fn what_cannot_be_found_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_str().unwrap();
        let message = |input: &str| resolve(input).unwrap_err().to_string();
        assert!(message(&format!("{root}/no.csv")).contains("does not exist"));
        assert!(message(root).contains("holds no CSV file"));
        assert!(message(&format!("{root}/*.csv")).contains("glob"));
        assert!(message("hdfs://name/x.csv").contains("cannot read \"hdfs\" addresses"));
        assert!(message(&format!("{root}/[.csv")).contains("not a valid glob"));
        assert!(message("/dev/null").contains("neither a file nor a folder"));
        fs::write(dir.path().join("only.csv"), "").unwrap();
        assert!(message(root).contains("is empty"));
    }
}

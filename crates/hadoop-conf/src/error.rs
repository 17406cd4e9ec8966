//! What is wrong with a configuration.

use std::path::PathBuf;

/// A configuration that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfError {
    /// A folder of configuration files does not exist.
    #[error("{variable} is '{}', which is not a folder", dir.display())]
    NoFolder {
        /// What names the folder: an environment variable.
        variable: String,
        /// The folder.
        dir: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read the configuration file '{}'", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not XML.
    #[error("the configuration file '{}' is not XML", path.display())]
    Xml {
        /// The file.
        path: PathBuf,
        /// Where it is not.
        source: roxmltree::Error,
    },
    /// A file is XML, but not a configuration.
    #[error("the configuration file '{}' {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, as the end of a sentence that begins with the file.
        problem: String,
    },
}

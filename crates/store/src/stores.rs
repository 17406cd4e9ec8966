//! Makes locations of what users write.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{LocalStore, Location, Store, StoreError, StoreErrorKind};

/// Opens stores of one kind.
pub trait OpenStore: Debug + Send + Sync {
    /// The schemes it is for: `["hdfs"]`.
    fn schemes(&self) -> &[&'static str];

    /// The store behind `scheme://authority`. `authority` is empty in `hdfs:/path` and `hdfs:///path`.
    fn open(&self, scheme: &str, authority: &str) -> Result<Arc<dyn Store>, StoreError>;

    /// The scheme and authority of a path without a scheme, if this kind of store is the one that is configured for it
    /// (`fs.defaultFS`).
    fn default_address(&self) -> Result<Option<(String, String)>, StoreError>;
}

/// The kinds of stores of this program. Each store is opened once.
#[derive(Debug, Default)]
pub struct Stores {
    kinds: Vec<Box<dyn OpenStore>>,
    open: Mutex<HashMap<(String, String), Arc<dyn Store>>>,
}

impl Stores {
    /// The local disk alone.
    pub fn local() -> Self {
        Self::default()
    }

    /// Adds a kind.
    #[must_use]
    pub fn with(mut self, kind: impl OpenStore + 'static) -> Self {
        self.kinds.push(Box::new(kind));
        self
    }

    /// The location that `text` names: `file:/path`, `scheme://authority/path`, or a bare path. A bare path is one of
    /// the configured default file system if there is one, else of the local disk.
    ///
    /// # Errors
    /// [`StoreErrorKind::Address`] for a scheme that no kind is for, and what [`OpenStore`] gives.
    pub fn locate(&self, text: &str) -> Result<Location, StoreError> {
        let Some((scheme, rest)) = split_scheme(text) else {
            for kind in &self.kinds {
                if let Some((scheme, authority)) = kind.default_address()? {
                    return self.locate_in(text, kind.as_ref(), &scheme, &authority, text);
                }
            }
            return Ok(Location::new(Arc::new(LocalStore), text));
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "file" {
            // file:/path, file:///path; file://path is not an address, but what people write
            return Ok(Location::new(
                Arc::new(LocalStore),
                rest.strip_prefix("//").unwrap_or(rest),
            ));
        }
        let Some(kind) = self.kinds.iter().find(|kind| kind.schemes().contains(&&*scheme)) else {
            let known: Vec<_> =
                self.kinds.iter().flat_map(|k| k.schemes()).map(|s| format!("{s}:")).collect();
            let problem = format!(
                "this program reads local paths, file: {}addresses, not {scheme}:",
                known.iter().map(|s| format!("and {s} ")).collect::<String>()
            );
            return Err(StoreError::new(StoreErrorKind::Address, "use", text, problem));
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => match rest.find('/') {
                Some(slash) => rest.split_at(slash),
                None => (rest, "/"),
            },
            None => ("", rest),
        };
        self.locate_in(text, kind.as_ref(), &scheme, authority, path)
    }

    fn locate_in(
        &self,
        text: &str,
        kind: &dyn OpenStore,
        scheme: &str,
        authority: &str,
        path: &str,
    ) -> Result<Location, StoreError> {
        let key = (scheme.to_owned(), authority.to_owned());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let store = match open.get(&key) {
            Some(store) => store.clone(),
            None => {
                let store = kind.open(scheme, authority)?;
                open.insert(key, store.clone());
                store
            }
        };
        let home = if path.starts_with('/') { String::new() } else { store.home_dir() };
        let mut plain: Vec<&str> = home.split('/').filter(|part| !part.is_empty()).collect();
        for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
            if part == ".." {
                let problem = "an address with '..' is not accepted";
                return Err(StoreError::new(StoreErrorKind::Address, "use", text, problem));
            }
            plain.push(part);
        }
        let path = plain.join("/");
        Ok(Location::new(store, &format!("/{path}")))
    }
}

/// `scheme:rest`; `None` for a path, also for one with a colon somewhere.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && (rest.starts_with('/') || scheme.eq_ignore_ascii_case("file"));
    is_scheme.then_some((scheme, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Remote(Option<&'static str>);

    /// The local disk under another address.
    #[derive(Debug)]
    struct RemoteStore(String);

    impl OpenStore for Remote {
        fn schemes(&self) -> &[&'static str] {
            &["far"]
        }

        fn open(&self, scheme: &str, authority: &str) -> Result<Arc<dyn Store>, StoreError> {
            Ok(Arc::new(RemoteStore(format!("{scheme}://{authority}"))))
        }

        fn default_address(&self) -> Result<Option<(String, String)>, StoreError> {
            Ok(self.0.map(|authority| ("far".to_owned(), authority.to_owned())))
        }
    }

    impl Store for RemoteStore {
        fn uri(&self, path: &str) -> String {
            format!("{}{path}", self.0)
        }

        fn home_dir(&self) -> String {
            "/user/me".to_owned()
        }

        fn stat(&self, path: &str) -> Result<Option<crate::Entry>, StoreError> {
            LocalStore.stat(path)
        }
        fn list(&self, path: &str) -> Result<Vec<crate::Entry>, StoreError> {
            LocalStore.list(path)
        }
        fn open(&self, path: &str) -> Result<Arc<dyn crate::ReadAt>, StoreError> {
            LocalStore.open(path)
        }
        fn create(&self, path: &str) -> Result<Box<dyn crate::FileWriter>, StoreError> {
            LocalStore.create(path)
        }
        fn create_dir_all(&self, path: &str) -> Result<(), StoreError> {
            LocalStore.create_dir_all(path)
        }
        fn create_dir(&self, path: &str) -> Result<(), StoreError> {
            LocalStore.create_dir(path)
        }
        fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
            LocalStore.rename(from, to)
        }
        fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
            LocalStore.replace(from, to)
        }
        fn touch(&self, path: &str) -> Result<(), StoreError> {
            LocalStore.touch(path)
        }
        fn remove_file(&self, path: &str) -> Result<bool, StoreError> {
            LocalStore.remove_file(path)
        }
        fn remove_tree(&self, path: &str) -> Result<(), StoreError> {
            LocalStore.remove_tree(path)
        }
    }

    #[test]
    fn addresses() {
        let plain = Stores::local().with(Remote(None));
        let configured = Stores::local().with(Remote(Some("name:1")));
        for (text, without_default, with_default) in [
            ("a/b.csv", "a/b.csv", "far://name:1/user/me/a/b.csv"),
            ("/a//b.csv", "/a//b.csv", "far://name:1/a/b.csv"),
            ("a:b.csv", "a:b.csv", "far://name:1/user/me/a:b.csv"),
            ("file:/a/b", "/a/b", "/a/b"),
            ("file:a/b", "a/b", "a/b"),
            ("FILE:///a/b/", "/a/b", "/a/b"),
            ("far://other/x/./y/", "far://other/x/y", "far://other/x/y"),
            ("far://other", "far://other/", "far://other/"),
            ("Far:/x", "far:///x", "far:///x"),
        ] {
            assert_eq!(plain.locate(text).unwrap().to_string(), without_default, "{text}");
            assert_eq!(configured.locate(text).unwrap().to_string(), with_default, "{text}");
        }
    }

    #[test]
    fn refused_addresses() {
        let stores = Stores::local().with(Remote(None));
        let error = stores.locate("ftp://x/y").unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Address);
        assert_eq!(error.to_string(), "cannot use 'ftp://x/y'");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "this program reads local paths, file: and far: addresses, not ftp:");
        assert!(stores.locate("far://x/../y").is_err());
    }
}

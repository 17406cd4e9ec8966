//! The calls of a [`Store`], as calls to the NameNode.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdfs_native::HdfsError;
use hdfs_native::client::FileStatus;
use store::{Entry, FileWriter, ReadAt, Store, StoreError, StoreErrorKind};
use tokio::time::timeout;

use crate::connection::{Connection, Repeat};
use crate::problem::Problem;
use crate::read::HdfsFile;
use crate::write::HdfsWriter;

/// `setTimes` takes -1 for a time that is to stay.
const UNCHANGED: u64 = u64::MAX;

/// One HDFS file system, or several behind a mount table.
///
/// # What holds beyond [`Store`]'s promises, and what does not
/// - [`Store::create_dir`] is exclusive: the folder is made under a hidden name beside and renamed. A process that dies
///   in between leaves that empty folder ([`store::name_in_the_making`]).
/// - [`Store::touch`] sets the time by the clock of this machine, not by the NameNode's.
/// - When the connection breaks while the NameNode creates or renames, the call may fail and have happened. It never
///   succeeds without having happened.
#[derive(Clone, Debug)]
pub struct HdfsStore {
    connection: Arc<Connection>,
}

impl HdfsStore {
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    fn failed<'a>(
        &'a self,
        action: &'static str,
        path: &'a str,
    ) -> impl FnOnce(Problem) -> StoreError + 'a {
        move |problem| problem.into_error(action, self.uri(path))
    }

    fn refused(&self, action: &'static str, path: &str, problem: &str) -> StoreError {
        let problem = Problem::new(StoreErrorKind::Other, problem, &self.connection.asked);
        problem.into_error(action, self.uri(path))
    }

    fn status(&self, action: &'static str, path: &str) -> Result<Option<FileStatus>, StoreError> {
        let owned = path.to_owned();
        let status = self.connection.call(Repeat::Yes, move |client| {
            let path = owned.clone();
            async move { client.get_file_info(&path).await }
        });
        match status {
            Ok(status) => Ok(Some(status)),
            Err(problem) if problem.kind == StoreErrorKind::NotFound => Ok(None),
            Err(problem) => Err(self.failed(action, path)(problem)),
        }
    }

    fn make_dirs(&self, path: &str) -> Result<(), Problem> {
        let (owned, mode) = (path.to_owned(), 0o777 & !self.connection.settings.umask);
        // A folder that is there already is no error.
        self.connection.call(Repeat::Yes, move |client| {
            let path = owned.clone();
            async move { client.mkdirs(&path, mode, true).await }
        })
    }

    fn rename_to(&self, from: &str, to: &str, overwrite: bool) -> Result<(), Problem> {
        let (from, to) = (from.to_owned(), to.to_owned());
        // Not repeated: if the first call has arrived, the second one finds `from` missing.
        self.connection.call(Repeat::No, move |client| {
            let (from, to) = (from.clone(), to.clone());
            async move { client.rename(&from, &to, overwrite).await }
        })
    }

    fn rename_to_free_name(&self, from: &str, to: &str) -> Result<(), Problem> {
        self.rename_to(from, to, false).map_err(|problem| {
            // The NameNode first looks whether both are files or both folders, and refuses that as something else.
            if problem.kind == StoreErrorKind::Other
                && matches!(self.status("rename to", to), Ok(Some(_)))
            {
                problem.with_kind(StoreErrorKind::AlreadyExists)
            } else {
                problem
            }
        })
    }

    fn delete(&self, path: &str, recursive: bool) -> Result<bool, Problem> {
        let path = path.to_owned();
        // Repeated, the worst is to report that nothing was there.
        self.connection.call(Repeat::Yes, move |client| {
            let path = path.clone();
            async move { client.delete(&path, recursive).await }
        })
    }
}

impl Store for HdfsStore {
    fn uri(&self, path: &str) -> String {
        format!("{}{path}", self.connection.target.uri)
    }

    fn home_dir(&self) -> String {
        self.connection.target.home.clone()
    }

    fn stat(&self, path: &str) -> Result<Option<Entry>, StoreError> {
        Ok(self.status("look at", path)?.map(|status| entry(&status)))
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, StoreError> {
        const ACTION: &str = "list the folder";
        let (owned, per_page) = (path.to_owned(), self.connection.settings.rpc_timeout);
        let list = move |client: hdfs_native::Client| {
            let path = owned.clone();
            async move {
                // The deadline is for a page, of which a large folder has many.
                let pages = client.list_status_iter(&path, false);
                let mut entries = Vec::new();
                loop {
                    match timeout(per_page, pages.next()).await {
                        Ok(Some(status)) => entries.push(status?),
                        Ok(None) => return Ok(entries),
                        Err(_) => {
                            let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
                            return Err(HdfsError::IOError(late));
                        }
                    }
                }
            }
        };
        let this = self.connection.clone();
        let listed = self
            .connection
            .wait(async move { this.call_within(Duration::MAX, Repeat::Yes, list).await })
            .map_err(self.failed(ACTION, path))?;
        // A file is listed as itself.
        if let [only] = listed.as_slice()
            && only.path == path.trim_end_matches('/')
            && !only.isdir
        {
            return Err(self.refused(ACTION, path, "it is a file"));
        }
        let mut entries: Vec<_> = listed.iter().map(entry).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadAt>, StoreError> {
        let file = HdfsFile::open(self.connection.clone(), path, self.uri(path));
        Ok(Arc::new(file.map_err(self.failed("open", path))?))
    }

    fn create(&self, path: &str) -> Result<Box<dyn FileWriter>, StoreError> {
        let writer = HdfsWriter::create(self.connection.clone(), path, self.uri(path));
        Ok(Box::new(writer.map_err(self.failed("create", path))?))
    }

    fn create_dir_all(&self, path: &str) -> Result<(), StoreError> {
        self.make_dirs(path).map_err(self.failed("create the folder", path))
    }

    fn create_dir(&self, path: &str) -> Result<(), StoreError> {
        // The NameNode has no call that creates a folder and fails if it is there, but a rename does.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let unique = format!("{now:x}-{}-{number}", std::process::id());
        let new = format!("{parent}/{}", store::hidden_name(name, &unique));
        let made = self.make_dirs(&new).and_then(|()| {
            self.rename_to_free_name(&new, path).inspect_err(|_| {
                // It is empty and nobody looks there.
                let _ = self.delete(&new, false);
            })
        });
        made.map_err(self.failed("create the folder", path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.rename_to_free_name(from, to).map_err(|problem| match problem.kind {
            StoreErrorKind::NotFound => self.failed("rename", from)(problem),
            _ => self.failed("rename to", to)(problem),
        })
    }

    fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
        if from == to {
            // The NameNode refuses, where a local disk does nothing.
            return match self.status("replace", to)? {
                Some(_) => Ok(()),
                None => {
                    let missing = Problem::new(
                        StoreErrorKind::NotFound,
                        "it is missing",
                        &self.connection.asked,
                    );
                    Err(self.failed("replace", to)(missing))
                }
            };
        }
        self.rename_to(from, to, true).map_err(self.failed("replace", to))
    }

    fn touch(&self, path: &str) -> Result<(), StoreError> {
        let owned = path.to_owned();
        let touched = self.connection.call(Repeat::Yes, move |client| {
            let path = owned.clone();
            async move {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let millis = u64::try_from(now.as_millis()).unwrap_or_default();
                client.set_times(&path, millis, UNCHANGED).await
            }
        });
        touched.map_err(self.failed("change the time of", path))
    }

    fn remove_file(&self, path: &str) -> Result<bool, StoreError> {
        // The NameNode would remove an empty folder too.
        match self.status("remove", path)? {
            None => Ok(false),
            Some(status) if status.isdir => Err(self.refused("remove", path, "it is a folder")),
            Some(_) => self.delete(path, false).map_err(self.failed("remove", path)),
        }
    }

    fn remove_tree(&self, path: &str) -> Result<(), StoreError> {
        match self.delete(path, true) {
            Err(problem) if problem.kind != StoreErrorKind::NotFound => {
                Err(self.failed("remove the folder", path)(problem))
            }
            _ => Ok(()),
        }
    }
}

fn entry(status: &FileStatus) -> Entry {
    Entry {
        name: status.path.rsplit('/').next().unwrap_or_default().to_owned(),
        is_dir: status.isdir,
        is_file: !status.isdir,
        size: if status.isdir { 0 } else { status.length as u64 },
        modified: UNIX_EPOCH + Duration::from_millis(status.modification_time),
    }
}

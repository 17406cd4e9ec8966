//! The calls of a [`Store`], as requests to S3.

use std::sync::Arc;

use futures::future::join;
use store::{Entry, FileWriter, ReadAt, Store, StoreError, StoreErrorKind};

use crate::connection::Connection;
use crate::keys::{key_of, prefix_of};
use crate::objects::Condition;
use crate::problem::{Cause, Problem};
use crate::read::S3File;
use crate::write::S3Writer;

/// One bucket. What holds of it is argued at the top of the crate.
#[derive(Clone, Debug)]
pub struct S3Store {
    connection: Arc<Connection>,
    /// As the user has written it: `s3` or `s3a`.
    scheme: String,
}

impl S3Store {
    pub(crate) fn new(connection: Arc<Connection>, scheme: &str) -> Self {
        Self { connection, scheme: scheme.to_owned() }
    }

    fn failed<'a>(
        &'a self,
        action: &'static str,
        path: &'a str,
    ) -> impl FnOnce(Problem) -> StoreError + 'a {
        move |problem| problem.into_error(action, self.uri(path))
    }

    /// Runs what needs the connection and a path.
    fn call<T, F, Fut>(&self, action: &'static str, path: &str, op: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Connection>, String) -> Fut,
        Fut: Future<Output = Result<T, Problem>> + Send + 'static,
    {
        let future = op(self.connection.clone(), path.to_owned());
        self.connection.wait(future).map_err(self.failed(action, path))
    }

    /// The same with two paths. The error is about the second, unless the first is missing.
    fn call2<F, Fut>(
        &self,
        actions: (&'static str, &'static str),
        from: &str,
        to: &str,
        op: F,
    ) -> Result<(), StoreError>
    where
        F: FnOnce(Arc<Connection>, String, String) -> Fut,
        Fut: Future<Output = Result<(), Problem>> + Send + 'static,
    {
        let future = op(self.connection.clone(), from.to_owned(), to.to_owned());
        self.connection.wait(future).map_err(|problem| match problem.kind {
            StoreErrorKind::NotFound => self.failed(actions.0, from)(problem),
            _ => self.failed(actions.1, to)(problem),
        })
    }
}

impl Store for S3Store {
    fn uri(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.connection.bucket)
    }

    fn home_dir(&self) -> String {
        let user = std::env::var("HADOOP_USER_NAME").ok().filter(|name| !name.is_empty());
        format!("/user/{}", user.unwrap_or_else(whoami::username))
    }

    fn stat(&self, path: &str) -> Result<Option<Entry>, StoreError> {
        self.call("look at", path, |s3, path| async move { s3.stat(&path).await })
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, StoreError> {
        self.call("list the folder", path, |s3, path| async move { s3.list(&path).await })
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadAt>, StoreError> {
        let uri = self.uri(path);
        let file = self.call("open", path, |s3, path| S3File::open(s3, path, uri))?;
        Ok(Arc::new(file))
    }

    fn create(&self, path: &str) -> Result<Box<dyn FileWriter>, StoreError> {
        self.call("create", path, |s3, path| async move { make_room(&s3, &path).await })?;
        Ok(Box::new(S3Writer::new(self.connection.clone(), key_of(path), self.uri(path))))
    }

    fn create_dir_all(&self, path: &str) -> Result<(), StoreError> {
        self.call("create the folder", path, |s3, path| async move {
            // Its own marker is above whatever is in it.
            s3.make_folders_above(&format!("{}_", prefix_of(&path))).await
        })
    }

    fn create_dir(&self, path: &str) -> Result<(), StoreError> {
        self.call("create the folder", path, |s3, path| async move {
            make_room(&s3, &path).await?;
            s3.put(&prefix_of(&path), bytes::Bytes::new(), &Condition::Absent).await
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.call2(("rename", "rename to"), from, to, |s3, from, to| async move {
            let source = s3.file(&from).await?;
            make_room(&s3, &to).await?;
            let (from, to) = (key_of(&from), key_of(&to));
            s3.copy(&from, &source, &to, &Condition::Absent).await.map_err(source_changed)?;
            // What somebody else has put there since stays.
            s3.delete(&from, Some(&source.etag)).await
        })
    }

    fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.call2(("replace", "replace"), from, to, |s3, from, to| async move {
            let source = s3.file(&from).await?;
            if from == to {
                return Ok(());
            }
            let key = key_of(&to);
            let (above, is_folder) = join(s3.make_folders_above(&key), s3.is_folder(&to)).await;
            above?;
            if is_folder? {
                return Err(Problem::new(StoreErrorKind::Other, "it is a folder", &s3.asked()));
            }
            let from = key_of(&from);
            s3.copy(&from, &source, &key, &Condition::Any).await.map_err(source_changed)?;
            s3.delete(&from, Some(&source.etag)).await
        })
    }

    fn touch(&self, path: &str) -> Result<(), StoreError> {
        self.call("change the time of", path, |s3, path| async move {
            let there = s3.file(&path).await?;
            let (key, same) = (key_of(&path), Condition::Unchanged(there.etag.clone()));
            match s3.copy(&key, &there, &key, &same).await {
                // Somebody has just put another one in its place: its time is now.
                Err(problem) if problem.cause == Cause::Condition => Ok(()),
                touched => touched,
            }
        })
    }

    fn remove_file(&self, path: &str) -> Result<bool, StoreError> {
        self.call("remove", path, |s3, path| async move {
            match s3.file(&path).await {
                Ok(_) => s3.delete(&key_of(&path), None).await.map(|()| true),
                Err(problem) if problem.kind == StoreErrorKind::NotFound => Ok(false),
                Err(problem) => Err(problem),
            }
        })
    }

    fn remove_tree(&self, path: &str) -> Result<(), StoreError> {
        self.call("remove the folder", path, |s3, path| async move { s3.remove_tree(&path).await })
    }
}

/// Sees to it that nothing is at `path`, and that the folders above it are there.
async fn make_room(s3: &Arc<Connection>, path: &str) -> Result<(), Problem> {
    let key = key_of(path);
    let (there, above) = join(s3.stat_missing(path), s3.make_folders_above(&key)).await;
    if there?.is_some() {
        let problem = "something is there already";
        return Err(Problem::new(StoreErrorKind::AlreadyExists, problem, &s3.asked()));
    }
    above
}

/// A source that is another one by now, or gone, is not the one that was to be renamed: it was renamed by others.
fn source_changed(problem: Problem) -> Problem {
    match (problem.kind, problem.cause) {
        (StoreErrorKind::Truncated | StoreErrorKind::Other, Cause::Condition) => {
            problem.with_kind(StoreErrorKind::Unavailable)
        }
        _ => problem,
    }
}

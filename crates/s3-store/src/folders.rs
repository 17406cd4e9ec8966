//! Folders, of which S3 has none: see [`crate::keys`].

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use aws_sdk_s3::types::EncodingType;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::{join, join_all};
use store::{Entry, StoreErrorKind};

use crate::connection::Connection;
use crate::keys::{EMRFS_MARKER, decode, folders_above, key_of, name_of, prefix_of};
use crate::objects::{Condition, Object, time};
use crate::problem::{Cause, Problem};

/// Objects that are removed at the same time.
const REMOVED_AT_ONCE: usize = 16;
/// Markers that are remembered.
const REMEMBERED: usize = 10_000;
/// A folder's time is that of nothing: S3 keeps none.
const NO_TIME: SystemTime = SystemTime::UNIX_EPOCH;

/// A page of a listing.
#[derive(Debug, Default)]
struct Page {
    /// Keys, sizes, times.
    objects: Vec<(String, u64, SystemTime)>,
    /// Keys of the folders right below.
    folders: Vec<String>,
    next: Option<String>,
}

impl Connection {
    /// What is at `path`.
    pub(crate) async fn stat(&self, path: &str) -> Result<Option<Entry>, Problem> {
        let key = key_of(path);
        if !key.is_empty()
            && let Some(object) = self.head(&key).await?
        {
            return Ok(Some(file(&key, object.size, object.modified)));
        }
        Ok(self.is_folder(path).await?.then(|| folder(&key)))
    }

    /// The same in the time of one request, for what is mostly missing.
    pub(crate) async fn stat_missing(&self, path: &str) -> Result<Option<Entry>, Problem> {
        let key = key_of(path);
        if key.is_empty() {
            return self.stat(path).await;
        }
        let (object, is_folder) = join(self.head(&key), self.is_folder(path)).await;
        match object? {
            Some(object) => Ok(Some(file(&key, object.size, object.modified))),
            None => Ok(is_folder?.then(|| folder(&key))),
        }
    }

    /// Whether there is a folder `path`. The bucket as a whole is one.
    pub(crate) async fn is_folder(&self, path: &str) -> Result<bool, Problem> {
        let prefix = prefix_of(path);
        let page = self.page(&prefix, None, None, Some(1)).await?;
        Ok(prefix.is_empty() || !page.objects.is_empty())
    }

    async fn page(
        &self,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<String>,
        at_most: Option<i32>,
    ) -> Result<Page, Problem> {
        let ready = self.ready().await?;
        let listed = ready
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_delimiter(delimiter.map(str::to_owned))
            .set_continuation_token(after)
            .set_max_keys(at_most)
            .encoding_type(EncodingType::Url)
            .send()
            .await
            .map_err(|error| Problem::of(error, &ready.asked))?;
        let is_encoded = listed.encoding_type() == Some(&EncodingType::Url);
        let plain = |text: &str| if is_encoded { decode(text) } else { text.to_owned() };
        let objects = listed.contents().iter().filter_map(|object| {
            let size = object.size().and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
            Some((plain(object.key()?), size, time(object.last_modified())))
        });
        let folders =
            listed.common_prefixes().iter().filter_map(|prefix| Some(plain(prefix.prefix()?)));
        Ok(Page {
            objects: objects.collect(),
            folders: folders.collect(),
            next: listed
                .next_continuation_token()
                .filter(|_| listed.is_truncated() == Some(true))
                .map(str::to_owned),
        })
    }

    /// What the folder `path` holds, by name.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<Entry>, Problem> {
        let prefix = prefix_of(path);
        let (mut entries, mut is_there) = (BTreeMap::new(), prefix.is_empty());
        let mut after = None;
        loop {
            let page = self.page(&prefix, Some("/"), after, None).await?;
            is_there |= !page.objects.is_empty() || !page.folders.is_empty();
            for (key, size, modified) in page.objects {
                let is_marker = key == prefix || size == 0 && key.ends_with(EMRFS_MARKER);
                if !is_marker {
                    entries.insert(name_of(&key).to_owned(), file(&key, size, modified));
                }
            }
            for key in page.folders {
                // A file of the same name comes first, as it does when one is looked at. `//` in a key names nothing.
                let entry = folder(&key);
                if !entry.name.is_empty() && key != format!("{prefix}/") {
                    entries.entry(entry.name.clone()).or_insert(entry);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if is_there {
            return Ok(entries.into_values().collect());
        }
        let asked = self.asked();
        Err(match self.head(&key_of(path)).await? {
            Some(_) => Problem::new(StoreErrorKind::Other, "it is a file", &asked),
            None => Problem::new(StoreErrorKind::NotFound, "nothing is there", &asked),
        })
    }

    /// Sees to it that the folders above `key` are there and no files. What this user may not look at, or not write, is
    /// taken for a folder.
    pub(crate) async fn make_folders_above(self: &Arc<Self>, key: &str) -> Result<(), Problem> {
        let unknown: Vec<&str> = {
            let known = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            folders_above(key).filter(|marker| !known.contains(*marker)).collect()
        };
        let made = join_all(unknown.iter().map(|marker| self.make_folder(marker))).await;
        made.into_iter().collect::<Result<Vec<()>, _>>()?;
        let mut known = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + unknown.len() > REMEMBERED {
            known.clear();
        }
        known.extend(unknown.into_iter().map(str::to_owned));
        Ok(())
    }

    /// Makes the folder with this marker, if it is missing.
    async fn make_folder(&self, marker: &str) -> Result<(), Problem> {
        let is_allowed = |problem: &Problem| problem.kind != StoreErrorKind::PermissionDenied;
        let file = self.head(marker.trim_end_matches('/')).await;
        if let Ok(Some(_)) = file {
            let problem = format!("'{}' is a file, not a folder", marker.trim_end_matches('/'));
            return Err(Problem::new(StoreErrorKind::Other, problem, &self.asked()));
        }
        file.map(drop)
            .or_else(|problem| if is_allowed(&problem) { Err(problem) } else { Ok(()) })?;
        match self.put(marker, Bytes::new(), &Condition::Absent).await {
            Err(problem) if problem.cause == Cause::Condition => Ok(()),
            Err(problem) if is_allowed(&problem) => Err(problem),
            _ => Ok(()),
        }
    }

    /// Removes all objects in the folder `path`, then the file of that name, then what was begun to be written there.
    pub(crate) async fn remove_tree(&self, path: &str) -> Result<(), Problem> {
        let (key, prefix) = (key_of(path), prefix_of(path));
        if key.is_empty() {
            let problem = "it is a whole bucket";
            return Err(Problem::new(StoreErrorKind::Other, problem, &self.asked()));
        }
        {
            let mut known = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|marker| !marker.starts_with(&prefix));
        }
        let mut after = None;
        loop {
            let page = self.page(&prefix, None, after, None).await?;
            // Markers last, so that what is left of a removal that was cut short still is a folder.
            let (markers, files): (Vec<_>, Vec<_>) =
                page.objects.iter().map(|(key, ..)| key).partition(|key| key.ends_with('/'));
            for keys in [files, markers] {
                let removals: Vec<_> = keys.into_iter().map(|key| self.delete(key, None)).collect();
                let removed: Vec<Result<(), Problem>> = futures::stream::iter(removals)
                    .buffer_unordered(REMOVED_AT_ONCE)
                    .collect()
                    .await;
                removed.into_iter().collect::<Result<Vec<()>, _>>()?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if self.head(&key).await?.is_some() {
            self.delete(&key, None).await?;
        }
        self.abort_uploads_in(&prefix).await;
        Ok(())
    }

    /// Gives up the multipart uploads that dead processes have left in a folder. Best effort: the right to see them is one of
    /// its own, not every server can list them, and nobody but the bill sees them.
    async fn abort_uploads_in(&self, prefix: &str) {
        let Ok(ready) = self.ready().await else { return };
        let listed =
            ready.client.list_multipart_uploads().bucket(&self.bucket).prefix(prefix).send().await;
        let Ok(listed) = listed else { return };
        for upload in listed.uploads() {
            if let (Some(key), Some(id)) = (upload.key(), upload.upload_id())
                && key.starts_with(prefix)
                && let Err(error) = self.abort_upload(key, id).await
            {
                tracing::debug!(%error, key, "cannot give up an upload");
            }
        }
    }

    /// The object of the file `path`.
    ///
    /// # Errors
    /// [`StoreErrorKind::NotFound`]; another kind when it is a folder.
    pub(crate) async fn file(&self, path: &str) -> Result<Object, Problem> {
        let key = key_of(path);
        match if key.is_empty() { None } else { self.head(&key).await? } {
            Some(object) => Ok(object),
            None => Err(self.no_file(path).await?),
        }
    }

    /// Why there is no file at `path`.
    pub(crate) async fn no_file(&self, path: &str) -> Result<Problem, Problem> {
        let asked = self.asked();
        Ok(match self.is_folder(path).await? {
            true => Problem::new(StoreErrorKind::Other, "it is a folder", &asked),
            false => Problem::new(StoreErrorKind::NotFound, "nothing is there", &asked),
        })
    }
}

fn file(key: &str, size: u64, modified: SystemTime) -> Entry {
    Entry { name: name_of(key).to_owned(), is_dir: false, is_file: true, size, modified }
}

fn folder(key: &str) -> Entry {
    Entry {
        name: name_of(key).to_owned(),
        is_dir: true,
        is_file: false,
        size: 0,
        modified: NO_TIME,
    }
}

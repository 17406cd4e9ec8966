//! S3 as a [`store::Store`]: for `s3:` and `s3a:` addresses, on AWS and on servers that speak its protocol.
//!
//! Credentials come from the default chain of `aws-config` and from nowhere else: environment, profile, web identity,
//! container, role of the machine. The endpoint comes from the AWS environment and profile, else from `fs.s3a.endpoint` in
//! Hadoop's core-site.xml; the region from `AWS_REGION`, else from `fs.s3a.endpoint.region`, else from the profile or the
//! machine; `fs.s3a.path.style.access` counts too, and each of them for a single bucket (`fs.s3a.bucket.NAME.`). Nothing
//! is asked of a server before the first call. `s3://b/k` and `s3a://b/k` are the same object; an address keeps the scheme
//! that the user wrote.
//!
//! # What S3 gives, and what stands on it
//! A request on one object happens at one moment, and whoever asks afterwards, by key or by listing, sees it. A write may
//! have a condition: that there is no object of this key (`If-None-Match: *`), or that it is a certain one (`If-Match`). There
//! are no folders and no renames.
//! - [`Store::create`]. A file is one object, so it is there whole or not at all: one request for a small one, else parts and a
//!   last request that makes them an object. That request has the condition that there is none. Of several who create a
//!   file at the same time one wins, and the others learn it when they finish.
//! - *Answers that get lost.* The SDK asks again, and would find its own object in the way. Therefore each object that is
//!   written with a condition carries an id (`objects`), and whose id it is decides.
//! - [`Store::rename`] is two steps: the object is copied with the condition that the target is free, then the source is
//!   removed. The first step is the one that counts: it has happened or not, and of several with the same target one
//!   wins. A process that dies between them leaves both names. Each caller in this workspace bears that;
//!   docs/decisions/0016-s3-as-a-store.md goes through them.
//! - The second step removes the source only if it still is what was copied. So a rename never takes away what somebody else
//!   has put in the source's place.
//! - [`Store::replace`] is two steps as well: a copy inside S3, which readers of the target see as one moment, then the
//!   removal of the source. The copy is a single request that finds the source or does not. So a process that
//!   sleeps before it does no harm, however long.
//! - [`Store::touch`] writes the same bytes again, with the condition that the object still is the one that was read: it
//!   never brings back what others have removed or replaced.
//! - A file that is open stays what it was: each range is read with the condition that the object is the same. If not, reading
//!   fails, and bytes of two objects are never mixed. A file of up to 128 KiB is read when it is opened.
//! - *Folders*: see `keys`. [`Store::create_dir`] puts a marker with the condition that there is none, so it is
//!   exclusive among those who make folders. Markers are those of S3A, which hides them, as do Hive, Spark, Trino and Athena.
//!
//! # What does not hold
//! - A file and a folder of the same name can come about when they are created at the same moment; then the file is
//!   seen, and what is in the folder too.
//! - [`Store::remove_tree`] is not one step, and spares what is created meanwhile.
//! - Folders have no time ([`store::Entry::modified`] is 1970), and times of files are whole seconds.
//! - Keys with `//`, with an empty name or with `.` and `..` as names cannot be addressed.
//! - A process that dies while it writes a large file leaves parts that nobody sees and somebody pays for; `remove_tree`
//!   of a folder above removes them, and a lifecycle rule of the bucket (`AbortIncompleteMultipartUpload`) should.
//!
//! A server that is not AWS is asked once whether it obeys conditions, and refused if it does not.

mod connection;
mod folders;
mod keys;
mod multipart;
mod objects;
mod problem;
mod read;
mod settings;
mod store_impl;
mod write;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use hadoop_conf::HadoopConf;
use store::{OpenStore, Store, StoreError, StoreErrorKind};

use crate::connection::{Connection, Shared};
use crate::settings::{Settings, is_bucket_name};
pub use crate::store_impl::S3Store;

const SCHEMES: &[&str] = &["s3", "s3a"];
const DEFAULT_FS: &str = "fs.defaultFS";

/// Opens buckets, by the settings of one configuration.
#[derive(Debug)]
pub struct S3Stores {
    conf: HadoopConf,
    shared: Arc<Shared>,
    /// Both schemes of a bucket use the same connection.
    open: Mutex<HashMap<String, Arc<Connection>>>,
}

impl S3Stores {
    /// With Hadoop's settings, and AWS's as the environment has them when the first call is made.
    pub fn new(conf: HadoopConf) -> Self {
        Self { conf, shared: Arc::default(), open: Mutex::default() }
    }

    /// With AWS's settings as the program has them already.
    pub fn with_config(conf: HadoopConf, config: SdkConfig) -> Self {
        Self { conf, shared: Arc::new(Shared::with(config)), open: Mutex::default() }
    }
}

impl OpenStore for S3Stores {
    fn schemes(&self) -> &[&'static str] {
        SCHEMES
    }

    fn open(&self, scheme: &str, authority: &str) -> Result<Arc<dyn Store>, StoreError> {
        let place = format!("{scheme}://{authority}");
        let refused =
            |problem: String| StoreError::new(StoreErrorKind::Address, "use", &place, problem);
        if authority.is_empty() {
            return Err(refused(format!("it names no bucket: write {scheme}://BUCKET/PATH")));
        }
        if !is_bucket_name(authority) {
            let problem = format!(
                "'{authority}' is not the name of a bucket; a server that is not AWS is set as AWS_ENDPOINT_URL_S3, \
                 credentials belong into the AWS profile or the environment"
            );
            return Err(refused(problem));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match open.get(authority) {
            Some(connection) => connection.clone(),
            None => {
                let settings = Settings::read(&self.conf, authority).map_err(refused)?;
                let connection =
                    Arc::new(Connection::new(authority, settings, self.shared.clone()));
                open.insert(authority.to_owned(), connection.clone());
                connection
            }
        };
        Ok(Arc::new(S3Store::new(connection, scheme)))
    }

    fn default_address(&self) -> Result<Option<(String, String)>, StoreError> {
        Ok(default_address(&self.conf))
    }
}

/// Scheme and bucket of `fs.defaultFS`, if that is in S3.
fn default_address(conf: &HadoopConf) -> Option<(String, String)> {
    let address = conf.get_nonempty(DEFAULT_FS)?;
    let (scheme, rest) = address.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    SCHEMES
        .contains(&&*scheme)
        .then(|| (scheme, rest.split('/').next().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_system() {
        for (setting, expected) in [
            (None, None),
            (Some("hdfs://name"), None),
            (Some("s3a://shop"), Some(("s3a", "shop"))),
            (Some("S3://shop/below"), Some(("s3", "shop"))),
        ] {
            let conf = HadoopConf::from_pairs(setting.map(|s| (DEFAULT_FS, s)));
            let found = default_address(&conf);
            let found = found.as_ref().map(|(scheme, bucket)| (&**scheme, &**bucket));
            assert_eq!(found, expected, "{setting:?}");
        }
    }
}

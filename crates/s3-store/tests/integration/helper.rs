//! Places in the imitation's buckets.

use std::future::Future;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::error::DisplayErrorContext;
use hadoop_conf::HadoopConf;
use s3_store::S3Stores;
use store::{Location, Stores};

use crate::server::server;

/// Of the imitation, or of whoever answers at `url`.
pub(crate) fn config(url: &str) -> SdkConfig {
    let credentials = Credentials::new("testing", "testing", None, None, "the tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// Stores as another process would open them.
pub(crate) fn stores() -> Stores {
    stores_with(config(&server().url()))
}

pub(crate) fn stores_with(config: SdkConfig) -> Stores {
    Stores::local().with(S3Stores::with_config(HadoopConf::default(), config))
}

/// A path that no other test has, in a folder that is there.
pub(crate) fn unique() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("case-{}/at", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A new location in the bucket `shop`.
pub(crate) fn location() -> Location {
    static STORES: LazyLock<Stores> = LazyLock::new(stores);
    let at = STORES.locate(&format!("s3://shop/{}", unique())).unwrap();
    at.parent().unwrap().create_dir_all().unwrap();
    at
}

/// The same place for another process.
pub(crate) fn again(at: &Location) -> Location {
    stores().locate(&at.uri()).unwrap()
}

/// A request past the store.
pub(crate) fn raw<T, E, F>(request: impl FnOnce(Client) -> F) -> T
where
    E: std::error::Error,
    F: Future<Output = Result<T, E>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = aws_sdk_s3::config::Builder::from(&config(&server().url()));
    let client = Client::from_conf(config.force_path_style(true).build());
    let answer = runtime.block_on(request(client));
    answer.unwrap_or_else(|error| panic!("{}", DisplayErrorContext(&error)))
}

/// Puts an object without any condition.
pub(crate) fn put(key: &str, contents: &[u8]) {
    let body = contents.to_vec().into();
    raw(|client| client.put_object().bucket("shop").key(key).body(body).send());
}

/// All keys that begin so.
pub(crate) fn keys(prefix: &str) -> Vec<String> {
    let listed = raw(|client| client.list_objects_v2().bucket("shop").prefix(prefix).send());
    listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
}

/// Multipart uploads that nobody has completed or given up, of keys that begin so.
pub(crate) fn uploads(prefix: &str) -> Vec<String> {
    let listed = raw(|client| client.list_multipart_uploads().bucket("shop").send());
    let keys = listed.uploads().iter().filter_map(|upload| upload.key().map(str::to_owned));
    keys.filter(|key| key.starts_with(prefix)).collect()
}

/// The key of a location.
pub(crate) fn key(at: &Location) -> &str {
    at.path().trim_start_matches('/')
}

/// Bytes that differ at every position a test may confuse.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

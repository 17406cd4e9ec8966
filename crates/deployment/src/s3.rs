//! S3, if this program was built with it.

use hadoop_conf::HadoopConf;
use store::OpenStore;

/// What opens addresses in S3.
#[cfg(feature = "s3")]
pub(crate) fn stores(conf: &HadoopConf) -> impl OpenStore + 'static {
    s3_store::S3Stores::new(conf.clone())
}

/// What says that none can be opened.
#[cfg(not(feature = "s3"))]
pub(crate) fn stores(conf: &HadoopConf) -> impl OpenStore + 'static {
    without::WithoutS3 { default_fs: conf.get_nonempty("fs.defaultFS") }
}

#[cfg(not(feature = "s3"))]
mod without {
    use std::sync::Arc;

    use store::{OpenStore, Store, StoreError, StoreErrorKind};

    #[derive(Debug)]
    pub(crate) struct WithoutS3 {
        pub(crate) default_fs: Option<String>,
    }

    impl OpenStore for WithoutS3 {
        fn schemes(&self) -> &[&'static str] {
            &["s3", "s3a"]
        }

        fn open(&self, scheme: &str, authority: &str) -> Result<Arc<dyn Store>, StoreError> {
            let problem = "this program was built without S3; build it with --features s3";
            let place = format!("{scheme}://{authority}");
            Err(StoreError::new(StoreErrorKind::Address, "use", place, problem))
        }

        /// So that a bare path is not taken for a local one where Hadoop means a bucket.
        fn default_address(&self) -> Result<Option<(String, String)>, StoreError> {
            let address = self.default_fs.as_deref().and_then(|address| address.split_once("://"));
            let address = address.map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
            Ok(address.filter(|(scheme, _)| self.schemes().contains(&&**scheme)).map(
                |(scheme, rest)| (scheme, rest.split('/').next().unwrap_or_default().to_owned()),
            ))
        }
    }

    #[cfg(test)]
    mod tests {
        use std::error::Error as _;

        use hadoop_conf::HadoopConf;

        use crate::Deployment;

        #[test]
        fn an_address_in_s3_says_what_to_do() {
            let conf = HadoopConf::from_pairs([("fs.defaultFS", "s3a://shop")]);
            let deployment = Deployment::from_conf(conf);
            for (text, place) in [("s3://shop/orders", "s3://shop"), ("orders", "s3a://shop")] {
                let error = deployment.stores().locate(text).unwrap_err();
                assert_eq!(error.to_string(), format!("cannot use '{place}'"));
                let source = error.source().unwrap().to_string();
                assert_eq!(
                    source,
                    "this program was built without S3; build it with --features s3"
                );
            }
            let local = Deployment::from_conf(HadoopConf::default());
            assert!(local.stores().locate("orders").unwrap().local_path().is_some());
        }
    }
}

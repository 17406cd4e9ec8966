//! Where a bucket is: Hadoop's settings for S3A, as far as they say that. Credentials are never among them.

use hadoop_conf::HadoopConf;

/// What Hadoop's files say about a bucket. AWS's endpoint comes before it, and `AWS_REGION`, but not the region of a profile or
/// of the machine, which are not about this bucket.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Settings {
    /// `fs.s3a.endpoint`, with a scheme, unless it is one of AWS's own.
    pub endpoint: Option<String>,
    /// `fs.s3a.endpoint.region`, else that of AWS's endpoint.
    pub region: Option<String>,
    /// `fs.s3a.path.style.access`: whether the bucket is in the path and not in the host's name.
    pub path_style: Option<bool>,
}

impl Settings {
    /// Those for all buckets, or those for this one (`fs.s3a.bucket.NAME.*`) where there are any.
    ///
    /// # Errors
    /// A setting that is not what it should be, in words.
    pub(crate) fn read(conf: &HadoopConf, bucket: &str) -> Result<Self, String> {
        let get = |name: &str| {
            conf.get_nonempty(&format!("fs.s3a.bucket.{bucket}.{name}"))
                .or_else(|| conf.get_nonempty(&format!("fs.s3a.{name}")))
        };
        let flag = |name: &str| match get(name).map(|value| value.to_ascii_lowercase()) {
            None => Ok(None),
            Some(value) if value == "true" => Ok(Some(true)),
            Some(value) if value == "false" => Ok(Some(false)),
            Some(value) => Err(format!("fs.s3a.{name} is '{value}', neither true nor false")),
        };
        let is_plain = flag("connection.ssl.enabled")? == Some(false);
        let endpoint = get("endpoint").map(|endpoint| match endpoint.contains("://") {
            true => endpoint,
            false if is_plain => format!("http://{endpoint}"),
            false => format!("https://{endpoint}"),
        });
        let of_aws = endpoint.as_deref().and_then(region_of_aws);
        let region = get("endpoint.region")
            // S3A's word for: whatever the SDK finds.
            .filter(|region| region != "sdk")
            .or_else(|| of_aws.clone().flatten());
        Ok(Self {
            endpoint: endpoint.filter(|_| of_aws.is_none()),
            region,
            path_style: flag("path.style.access")?,
        })
    }
}

/// Of one of AWS's own public endpoints, the region that it names; `None` if it is not one.
fn region_of_aws(endpoint: &str) -> Option<Option<String>> {
    let host = endpoint.split_once("://")?.1.trim_end_matches('/');
    let name = host.strip_suffix(".amazonaws.com").or(host.strip_suffix(".amazonaws.com.cn"))?;
    match name {
        "s3" => Some(None),
        name => {
            let region = name.strip_prefix("s3.").or(name.strip_prefix("s3-"))?;
            let is_region = !region.is_empty() && !region.contains('.');
            is_region.then(|| Some(region.to_owned()))
        }
    }
}

/// Whether S3 takes it for a bucket's name, as far as that keeps addresses unambiguous: 3 to 63 of small letters,
/// digits, dots, hyphens. Old buckets also have capitals and underscores.
pub(crate) fn is_bucket_name(name: &str) -> bool {
    (3..=255).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Settings {
        Settings::read(&HadoopConf::from_pairs(pairs.iter().copied()), "shop").unwrap()
    }

    #[test]
    fn nothing_is_said() {
        assert_eq!(read(&[]), Settings::default());
        assert_eq!(read(&[("fs.s3a.endpoint.region", "sdk")]), Settings::default());
    }

    #[test]
    fn other_servers() {
        let found = read(&[
            ("fs.s3a.endpoint", "minio:9000"),
            ("fs.s3a.connection.ssl.enabled", "false"),
            ("fs.s3a.path.style.access", "True"),
        ]);
        let expected = Settings {
            endpoint: Some("http://minio:9000".to_owned()),
            region: None,
            path_style: Some(true),
        };
        assert_eq!(found, expected);
        let found = read(&[("fs.s3a.endpoint", "minio"), ("fs.s3a.endpoint.region", "here")]);
        assert_eq!(found.endpoint.as_deref(), Some("https://minio"));
        assert_eq!(found.region.as_deref(), Some("here"));
    }

    #[test]
    fn the_endpoints_of_aws_name_regions() {
        for (endpoint, region) in [
            ("s3.amazonaws.com", None),
            ("s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://s3-ap-south-1.amazonaws.com/", Some("ap-south-1")),
            ("s3.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
        ] {
            let found = read(&[("fs.s3a.endpoint", endpoint)]);
            assert_eq!((found.endpoint, found.region.as_deref()), (None, region), "{endpoint}");
        }
        // A private one is needed as it stands.
        let private = "https://bucket.vpce-1a2b-c3d4.s3.us-east-1.vpce.amazonaws.com";
        assert_eq!(read(&[("fs.s3a.endpoint", private)]).endpoint.as_deref(), Some(private));
    }

    #[test]
    fn a_bucket_may_have_its_own() {
        let found = read(&[
            ("fs.s3a.endpoint", "everybody"),
            ("fs.s3a.bucket.shop.endpoint", "ours"),
            ("fs.s3a.bucket.other.endpoint", "theirs"),
        ]);
        assert_eq!(found.endpoint.as_deref(), Some("https://ours"));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let conf = HadoopConf::from_pairs([("fs.s3a.path.style.access", "maybe")]);
        let problem = Settings::read(&conf, "shop").unwrap_err();
        assert_eq!(problem, "fs.s3a.path.style.access is 'maybe', neither true nor false");
    }

    #[test]
    fn bucket_names() {
        for (name, is_one) in [
            ("shop", true),
            ("my.shop-2", true),
            ("Old_Bucket", true),
            ("", false),
            ("ab", false),
            ("key@shop", false),
            ("shop:9000", false),
            ("a..b", false),
        ] {
            assert_eq!(is_bucket_name(name), is_one, "{name}");
        }
    }
}

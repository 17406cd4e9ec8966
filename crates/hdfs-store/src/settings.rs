//! The settings of Hadoop's files that this crate itself obeys.

use std::time::Duration;

use hadoop_conf::HadoopConf;

/// Java's client has no deadline by default but notices a dead server by pings; this one has no pings.
const RPC_TIMEOUT: Duration = Duration::from_secs(60);

/// How calls are made and files are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Settings {
    /// A call to the NameNode takes no longer: `ipc.client.rpc-timeout.ms`, else 60 s.
    pub rpc_timeout: Duration,
    /// A DataNode is silent no longer: `dfs.client.socket-timeout`, else 60 s.
    pub socket_timeout: Duration,
    /// What is taken off the permissions of new files (0o666) and folders (0o777): `fs.permissions.umask-mode`, else 0o022.
    pub umask: u32,
    /// `dfs.replication`, else what the server says.
    pub replication: Option<u32>,
    /// Bytes: `dfs.blocksize`, else what the server says.
    pub block_size: Option<u64>,
}

impl Settings {
    /// # Errors
    /// A setting that is not what it should be, in words.
    pub(crate) fn read(conf: &HadoopConf) -> Result<Self, String> {
        let millis = |key: &str, default: Duration| match conf.get_nonempty(key) {
            None => Ok(default),
            Some(value) => match value.parse::<u64>() {
                // Zero means without end in Java's client.
                Ok(0) => Ok(default),
                Ok(millis) => Ok(Duration::from_millis(millis)),
                Err(_) => Err(format!("{key} is '{value}', which is not a number of milliseconds")),
            },
        };
        let umask = match conf.get_nonempty("fs.permissions.umask-mode") {
            None => 0o022,
            Some(value) => parse_umask(&value).ok_or_else(|| {
                format!("fs.permissions.umask-mode is '{value}', not like 022 or u=rwx,g=rx,o=")
            })?,
        };
        let size = |key: &str| match conf.get_nonempty(key) {
            None => Ok(None),
            Some(value) => match parse_size(&value) {
                Some(size) => Ok(Some(size)),
                None => Err(format!("{key} is '{value}', which is not a number like 3 or 128m")),
            },
        };
        Ok(Self {
            rpc_timeout: millis("ipc.client.rpc-timeout.ms", RPC_TIMEOUT)?,
            socket_timeout: millis("dfs.client.socket-timeout", Duration::from_secs(60))?,
            umask,
            replication: size("dfs.replication")?.and_then(|n| u32::try_from(n).ok()),
            block_size: size("dfs.blocksize")?,
        })
    }
}

/// Octal, or symbolic: what is left, as `u=rwx,g=rx,o=`.
fn parse_umask(text: &str) -> Option<u32> {
    if !text.contains('=') {
        return u32::from_str_radix(text, 8).ok().filter(|mask| *mask <= 0o7777).map(|m| m & 0o777);
    }
    let mut left = 0;
    for part in text.split(',') {
        let (who, what) = part.trim().split_once('=')?;
        let mut bits = 0;
        for letter in what.chars() {
            bits |= match letter {
                'r' => 4,
                'w' => 2,
                'x' => 1,
                _ => return None,
            };
        }
        for letter in who.chars() {
            left |= match letter {
                'u' => bits << 6,
                'g' => bits << 3,
                'o' => bits,
                'a' => bits << 6 | bits << 3 | bits,
                _ => return None,
            };
        }
    }
    Some(0o777 & !left)
}

/// `134217728`, `128m`, `1g`.
fn parse_size(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match lower.get(digits.len()..)? {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults() {
        let settings = Settings::read(&HadoopConf::default()).unwrap();
        let minute = Duration::from_secs(60);
        let expected = Settings {
            rpc_timeout: minute,
            socket_timeout: minute,
            umask: 0o022,
            replication: None,
            block_size: None,
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn what_files_say() {
        let conf = HadoopConf::from_pairs([
            ("ipc.client.rpc-timeout.ms", "1500"),
            ("dfs.client.socket-timeout", "0"),
            ("dfs.blocksize", "64M"),
            ("dfs.replication", "2"),
        ]);
        let settings = Settings::read(&conf).unwrap();
        assert_eq!(settings.rpc_timeout, Duration::from_millis(1500));
        assert_eq!(settings.socket_timeout, Duration::from_secs(60));
        assert_eq!((settings.block_size, settings.replication), (Some(64 << 20), Some(2)));
    }

    #[test]
    fn umasks() {
        for (text, expected) in [
            ("022", Some(0o022)),
            ("0027", Some(0o027)),
            ("77", Some(0o077)),
            ("u=rwx,g=rx,o=rx", Some(0o022)),
            ("u=rwx,g=,o=", Some(0o077)),
            ("a=rwx", Some(0)),
            ("ug=rw", Some(0o117)),
            ("8", None),
            ("u+rwx", None),
            ("77777", None),
            ("x=rwx", None),
            ("u=rwz", None),
        ] {
            assert_eq!(parse_umask(text), expected, "{text}");
        }
    }

    #[test]
    fn a_setting_that_makes_no_sense_is_named() {
        for (key, value) in [
            ("ipc.client.rpc-timeout.ms", "soon"),
            ("fs.permissions.umask-mode", "rwx"),
            ("dfs.blocksize", "128q"),
        ] {
            let problem = Settings::read(&HadoopConf::from_pairs([(key, value)])).unwrap_err();
            assert!(problem.starts_with(&format!("{key} is '{value}'")), "{problem}");
        }
    }
}

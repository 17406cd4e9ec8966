//! `thrift://host:port`, as `hive.metastore.uris` has it.

use std::fmt;
use std::str::FromStr;

/// The metastore's port when an address has none, as in Hive.
const DEFAULT_PORT: u16 = 9083;

/// Address of a metastore.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// Name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// A text that is not an address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("'{0}' is not the address of a Hive metastore; expected thrift://host:9083")]
pub struct InvalidAddress(String);

impl Address {
    /// Reads a list of addresses, separated by commas.
    ///
    /// # Errors
    /// [`InvalidAddress`], also for an empty list.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, InvalidAddress> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let addresses: Vec<Self> = parts.map(str::parse).collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Err(InvalidAddress(text.to_owned()));
        }
        Ok(addresses)
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidAddress(text.to_owned());
        let rest = match text.split_once("://") {
            Some(("thrift", rest)) => rest,
            Some(_) => return Err(invalid()),
            None => text,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // [::1]:9083
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(invalid)?)),
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(invalid)?,
            None => DEFAULT_PORT,
        };
        if host.is_empty() || host.contains(['/', '@', ' ']) {
            return Err(invalid());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "thrift://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "thrift://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("thrift://a:1", "thrift://a:1"),
            ("thrift://ip-10-0-0-1.ec2.internal:9083/", "thrift://ip-10-0-0-1.ec2.internal:9083"),
            ("host", "thrift://host:9083"),
            ("thrift://[::1]:9", "thrift://[::1]:9"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), expected);
        }
        let list = Address::parse_list(" thrift://a:1, thrift://b ,").unwrap();
        assert_eq!(list.iter().map(|a| a.port).collect::<Vec<_>>(), [1, 9083]);
    }

    #[test]
    fn refused() {
        for text in ["", "thrift://", "http://a:1", "a:b", "a:0", "a:70000", "[::1", "u@h:1", ","] {
            assert!(Address::parse_list(text).is_err(), "{text}");
        }
    }
}

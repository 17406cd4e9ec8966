//! What an address means: which NameNodes are behind it.
//!
//! `hdfs-native` takes an address with a port for one NameNode and one without for a name service. Java's client, and so
//! everybody's habits, has more: an address without port that is no name service has port 8020, a name service may have a
//! single NameNode, lists may have spaces. This module turns an address into one that `hdfs-native` understands.

use std::collections::HashMap;

use hadoop_conf::HadoopConf;

pub(crate) const DEFAULT_FS: &str = "fs.defaultFS";
const DEFAULT_PORT: u16 = 8020;
const NAMENODES: &str = "dfs.ha.namenodes.";
const RPC_ADDRESS: &str = "dfs.namenode.rpc-address.";

/// What is behind an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    /// `hdfs://authority`, as users and Hive see it.
    pub uri: String,
    /// The same for `hdfs-native`.
    pub url: String,
    /// All settings, for `hdfs-native`.
    pub settings: HashMap<String, String>,
    /// The name services with several NameNodes that may be asked.
    pub services: Vec<Service>,
    /// Who is asked, for messages.
    pub asked: String,
    /// Where relative paths start.
    pub home: String,
}

/// A name service with several NameNodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Service {
    pub name: String,
    /// Id and `host:port` of each.
    pub namenodes: Vec<(String, String)>,
}

/// One NameNode or several.
enum Resolved {
    One(String),
    Service(Service),
}

impl Target {
    /// # Errors
    /// The address or the configuration cannot be used: why, in words.
    pub(crate) fn resolve(
        conf: &HadoopConf,
        scheme: &str,
        authority: &str,
    ) -> Result<Self, String> {
        let authority = match authority {
            "" => default_authority(conf, scheme)?,
            authority => authority.to_owned(),
        };
        let uri = format!("{scheme}://{authority}");
        let mut settings: HashMap<_, _> = conf
            .keys()
            .filter_map(|key| conf.get(key).map(|value| (key.to_owned(), value)))
            .collect();
        let mut target = Self {
            url: uri.clone(),
            home: home(conf, scheme, &authority),
            uri,
            settings: HashMap::new(),
            services: Vec::new(),
            asked: String::new(),
        };
        let mut asked = Vec::new();
        if scheme == "viewfs" {
            let links = format!("fs.viewfs.mounttable.{authority}.link");
            for (key, value) in &mut settings {
                if key.starts_with(&links) {
                    *value = target.resolve_link(conf, key, value, &mut asked)?;
                }
            }
            if asked.is_empty() {
                return Err(format!("no setting begins with {links}: is HADOOP_CONF_DIR right?"));
            }
            asked.sort_unstable();
            asked.dedup();
        } else {
            target.url = format!("hdfs://{}", target.resolve_one(conf, &authority, &mut asked)?);
        }
        for service in &target.services {
            settings.extend(service.settings());
        }
        let s = if asked.len() == 1 { "" } else { "s" };
        target.asked = format!("NameNode{s} {}", asked.join(", "));
        target.settings = settings;
        Ok(target)
    }

    /// Of an authority, the one that `hdfs-native` understands.
    fn resolve_one(
        &mut self,
        conf: &HadoopConf,
        authority: &str,
        asked: &mut Vec<String>,
    ) -> Result<String, String> {
        match namenodes(conf, authority)? {
            Resolved::One(address) => {
                asked.push(address.clone());
                Ok(address)
            }
            Resolved::Service(service) => {
                asked.extend(service.namenodes.iter().map(|(_, address)| address.clone()));
                if !self.services.contains(&service) {
                    self.services.push(service);
                }
                Ok(authority.to_owned())
            }
        }
    }

    /// Of a link of a mount table.
    fn resolve_link(
        &mut self,
        conf: &HadoopConf,
        key: &str,
        url: &str,
        asked: &mut Vec<String>,
    ) -> Result<String, String> {
        let Some(rest) = url.strip_prefix("hdfs://") else {
            return Err(format!("{key} is '{url}': only links to hdfs:// can be used"));
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Ok(format!("hdfs://{}{path}", self.resolve_one(conf, authority, asked)?))
    }
}

impl Service {
    /// The settings that `hdfs-native` finds it by.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let Self { name, namenodes } = self;
        let ids: Vec<_> = namenodes.iter().map(|(id, _)| id.as_str()).collect();
        let mut settings = vec![(format!("{NAMENODES}{name}"), ids.join(","))];
        for (id, address) in namenodes {
            settings.push((format!("{RPC_ADDRESS}{name}.{id}"), address.clone()));
        }
        settings
    }
}

fn default_authority(conf: &HadoopConf, scheme: &str) -> Result<String, String> {
    let Some(default) = conf.get_nonempty(DEFAULT_FS) else {
        return Err(format!(
            "it names no host, and there is no {DEFAULT_FS}: write {scheme}://host/path, or set HADOOP_CONF_DIR"
        ));
    };
    default
        .split_once("://")
        .filter(|(of, _)| of.eq_ignore_ascii_case(scheme))
        .and_then(|(_, rest)| rest.split('/').next())
        .filter(|authority| !authority.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| {
            format!("it names no host, and {DEFAULT_FS} is '{default}': write {scheme}://host/path")
        })
}

fn namenodes(conf: &HadoopConf, authority: &str) -> Result<Resolved, String> {
    if authority.contains('@') || authority.is_empty() {
        return Err(format!("'{authority}' is not a host with or without a port"));
    }
    if let Some((host, port)) = authority.rsplit_once(':')
        && !port.ends_with(']')
    {
        return match port.parse::<u16>() {
            Ok(port) if port > 0 && !host.is_empty() => Ok(Resolved::One(authority.to_owned())),
            _ => Err(format!("'{authority}' is not a host with or without a port")),
        };
    }
    let ids: Vec<String> = conf
        .get_nonempty(&format!("{NAMENODES}{authority}"))
        .iter()
        .flat_map(|ids| ids.split(','))
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
        .collect();
    if ids.is_empty() {
        let host = conf.get_nonempty(&format!("{RPC_ADDRESS}{authority}"));
        return Ok(Resolved::One(with_port(host.unwrap_or_else(|| authority.to_owned()))));
    }
    let mut namenodes = Vec::new();
    for id in ids {
        let key = format!("{RPC_ADDRESS}{authority}.{id}");
        let Some(address) = conf.get_nonempty(&key) else {
            return Err(format!(
                "{NAMENODES}{authority} names a NameNode '{id}', but {key} is not set"
            ));
        };
        namenodes.push((id, with_port(address)));
    }
    Ok(Resolved::Service(Service { name: authority.to_owned(), namenodes }))
}

fn with_port(address: String) -> String {
    match address.rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => address,
        _ => format!("{address}:{DEFAULT_PORT}"),
    }
}

fn home(conf: &HadoopConf, scheme: &str, authority: &str) -> String {
    let key = match scheme {
        "viewfs" => format!("fs.viewfs.mounttable.{authority}.homedir"),
        _ => "dfs.user.home.dir.prefix".to_owned(),
    };
    let prefix = conf.get_nonempty(&key).unwrap_or_else(|| "/user".to_owned());
    format!("{}/{}", prefix.trim_end_matches('/'), user())
}

/// Who this process is to HDFS, as `hdfs-native` determines it without Kerberos.
pub(crate) fn user() -> String {
    match std::env::var("HADOOP_USER_NAME") {
        Ok(name) if !name.is_empty() => name,
        _ => whoami::username(),
    }
}

#[cfg(test)]
mod tests;

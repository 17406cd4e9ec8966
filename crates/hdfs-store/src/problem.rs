//! Errors of `hdfs-native`, sorted and made readable.
//!
//! A server's error is the name of a Java class and a message with a stack trace; the class decides about the kind, the
//! first line is kept.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hdfs_native::HdfsError;
use store::{StoreError, StoreErrorKind};

/// What went wrong, and who was asked. Several readers may wait for the same bytes and get the same.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub kind: StoreErrorKind,
    message: String,
    asked: Arc<str>,
    /// A server could not be reached, or its connection broke: another attempt may find another one.
    pub is_connection: bool,
}

const KERBEROS: &str = "Kerberos is not supported yet";

impl Problem {
    pub(crate) fn new(kind: StoreErrorKind, message: impl Into<String>, asked: &Arc<str>) -> Self {
        Self { kind, message: message.into(), asked: asked.clone(), is_connection: false }
    }

    pub(crate) fn of(error: HdfsError, asked: &Arc<str>) -> Self {
        use StoreErrorKind as Kind;
        let (kind, message) = match error {
            HdfsError::IOError(error) => return Self::of_io(&error, asked),
            HdfsError::RPCError(class, message) | HdfsError::FatalRPCError(class, message) => {
                of_exception(&class, &message)
            }
            HdfsError::FileNotFound(message) => (Kind::NotFound, first_line(&message)),
            HdfsError::AlreadyExists(message) => (Kind::AlreadyExists, first_line(&message)),
            HdfsError::DataTransferError(message) => (Kind::Unavailable, data_transfer(&message)),
            HdfsError::OperationFailed(message) => (Kind::Unavailable, first_line(&message)),
            HdfsError::BlocksNotFound(_) => {
                (Kind::Unavailable, "no DataNode has the file's blocks".to_owned())
            }
            error @ (HdfsError::SASLError(_)
            | HdfsError::GSSAPIError(..)
            | HdfsError::NoSASLMechanism) => {
                (Kind::Address, format!("{KERBEROS}: {}", first_line(&error.to_string())))
            }
            error @ (HdfsError::InvalidPath(_)
            | HdfsError::InvalidArgument(_)
            | HdfsError::UrlParseError(_)
            | HdfsError::XmlParseError(_)) => (Kind::Address, first_line(&error.to_string())),
            error => (Kind::Other, first_line(&error.to_string())),
        };
        Self::new(kind, message, asked)
    }

    fn of_io(error: &io::Error, asked: &Arc<str>) -> Self {
        let text = error.to_string();
        // How tokio names a host that the resolver does not know; it has no kind of its own.
        if text.starts_with("failed to lookup address information") {
            let message = format!(
                "{text}: is it a name service that the hdfs-site.xml in HADOOP_CONF_DIR lacks?"
            );
            return Self::new(StoreErrorKind::Address, message, asked);
        }
        let message = match error.kind() {
            // A server that wants Kerberos answers so too, and the client does not pass on what it said.
            io::ErrorKind::ConnectionAborted => {
                format!("the connection was closed; if the cluster requires Kerberos: {KERBEROS}")
            }
            _ => text,
        };
        let problem = Self::new(StoreErrorKind::Unavailable, message, asked);
        Self { is_connection: true, ..problem }
    }

    /// Nothing came within the time.
    pub(crate) fn deadline(time: Duration, asked: &Arc<str>) -> Self {
        let message = format!("no answer within {} s", time.as_secs_f32());
        Self::new(StoreErrorKind::Unavailable, message, asked)
    }

    /// The same, of another kind.
    pub(crate) fn with_kind(self, kind: StoreErrorKind) -> Self {
        Self { kind, ..self }
    }

    pub(crate) fn into_error(self, action: &'static str, place: String) -> StoreError {
        StoreError::new(self.kind, action, place, self)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.asked)
    }
}

impl std::error::Error for Problem {}

/// Kind and message of a Java exception.
fn of_exception(class: &str, message: &str) -> (StoreErrorKind, String) {
    use StoreErrorKind as Kind;
    let class = class.rsplit(['.', '$']).next().unwrap_or(class);
    let line = first_line(message);
    let kind = match class {
        // Also for a folder that is opened as a file.
        "FileNotFoundException" if line.contains("is not a file") => Kind::Other,
        "FileNotFoundException" | "ParentNotDirectoryException" => Kind::NotFound,
        "FileAlreadyExistsException" | "AlreadyBeingCreatedException" => Kind::AlreadyExists,
        "AccessControlException" if line.contains("authentication is not enabled") => {
            return (Kind::Address, format!("{KERBEROS}: {line}"));
        }
        "AccessControlException" => Kind::PermissionDenied,
        "QuotaExceededException"
        | "DSQuotaExceededException"
        | "NSQuotaExceededException"
        | "QuotaByStorageTypeExceededException" => Kind::Full,
        "SafeModeException"
        | "StandbyException"
        | "RetriableException"
        | "ObserverRetryOnActiveException"
        | "ServerTooBusyException"
        | "ConnectException"
        | "SocketTimeoutException"
        | "NoRouteToHostException"
        | "NotReplicatedYetException"
        | "BlockMissingException"
        | "ReplicaNotFoundException" => Kind::Unavailable,
        "InvalidPathException" | "UnknownHostException" => Kind::Address,
        // The class is a plain IOException. There is no DataNode, or none has room.
        _ if line.contains("could only be written to 0 of the")
            || line.contains("could only be replicated to 0 nodes") =>
        {
            Kind::Unavailable
        }
        _ => Kind::Other,
    };
    (kind, format!("{class}: {line}"))
}

/// Without the stack trace.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim_end().to_owned()
}

/// `hdfs-native` prints all that it knows about each DataNode; its address will do.
fn data_transfer(message: &str) -> String {
    let Some(nodes) = message.strip_prefix("All DataNodes failed: ") else {
        return first_line(message);
    };
    let field = |text: &str, name: &str| {
        let from = text.find(name)? + name.len();
        let value = text.get(from..)?.split([',', ' ', '}']).next()?;
        Some(value.trim_matches('"').to_owned())
    };
    let addresses: Vec<_> = nodes
        .split("DatanodeIdProto")
        .skip(1)
        .filter_map(|node| {
            Some(format!("{}:{}", field(node, "ip_addr: ")?, field(node, "xfer_port: ")?))
        })
        .collect();
    match addresses.as_slice() {
        [] => "no DataNode that has the block could be read".to_owned(),
        addresses => format!("the block could not be read from DataNode {}", addresses.join(", ")),
    }
}

#[cfg(test)]
mod tests;

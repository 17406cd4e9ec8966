//! What the answer to a call means.

use std::error::Error;
use std::io;

use hive_metastore::{
    ThriftHiveMetastoreAddPartitionsReqException as AddPartitionsReqException,
    ThriftHiveMetastoreAlterPartitionsWithEnvironmentContextException as AlterPartitionsException,
    ThriftHiveMetastoreAlterTableWithEnvironmentContextException as AlterTableException,
    ThriftHiveMetastoreCreateDatabaseException as CreateDatabaseException,
    ThriftHiveMetastoreCreateTableException as CreateTableException,
    ThriftHiveMetastoreDropPartitionByNameException as DropPartitionException,
    ThriftHiveMetastoreGetDatabaseException as GetDatabaseException,
    ThriftHiveMetastoreGetPartitionNamesException as GetPartitionNamesException,
    ThriftHiveMetastoreGetPartitionsByNamesException as GetPartitionsByNamesException,
    ThriftHiveMetastoreGetPartitionsException as GetPartitionsException,
    ThriftHiveMetastoreGetTableReqException as GetTableReqException,
};
use volo_thrift::{ApplicationExceptionKind, ClientError, MaybeException, TransportException};

use crate::error::MetastoreErrorKind;

/// In the answer to an `alter_table` that compares a parameter.
const MODIFIED: &str = "The table has been modified";
/// What the metastore passes on when it has lost its own database: MySQL's driver, the pool of connections (HikariCP)
/// twice, PostgreSQL's driver and server. The metastore has tried again itself before it says so.
const DATABASE_DOWN: [&str; 5] = [
    "Communications link failure",
    "Connection is closed",
    "Connection is not available",
    "The connection attempt failed",
    "terminating connection",
];

/// What a server said.
pub(crate) struct Refusal {
    pub(crate) kind: MetastoreErrorKind,
    pub(crate) message: String,
}

/// A call's failure on one server.
pub(crate) enum Failure {
    Refused(Refusal),
    /// Another server, or the same one later, may do better.
    Unreachable(Box<dyn Error + Send + Sync>),
    Protocol(Box<dyn Error + Send + Sync>),
}

/// The answer of the Thrift library.
pub(crate) fn answer<T, E: Into<Refusal>>(
    answer: Result<MaybeException<T, E>, ClientError>,
) -> Result<T, Failure> {
    match answer {
        Ok(MaybeException::Ok(value)) => Ok(value),
        Ok(MaybeException::Exception(exception)) => Err(Failure::Refused(exception.into())),
        Err(ClientError::Transport(error)) => Err(of_connection(error)),
        // A fault of the server, for which the call has no exception.
        Err(ClientError::Application(error))
            if error.kind() == ApplicationExceptionKind::INTERNAL_ERROR =>
        {
            let message = Some(error.message().as_str());
            Err(Failure::Refused(Refusal::new(MetastoreErrorKind::Refused, message)))
        }
        Err(error) => Err(Failure::Protocol(Box::new(error))),
    }
}

/// What opening a connection (`connect.rs`) or using it came to.
fn of_connection(error: TransportException) -> Failure {
    // The operating system has errors of these kinds, too.
    match error.kind() {
        _ if error.io_error().raw_os_error().is_some() => Failure::Unreachable(Box::new(error)),
        io::ErrorKind::PermissionDenied => {
            let message = Some(error.message().as_str());
            Failure::Refused(Refusal::new(MetastoreErrorKind::Refused, message))
        }
        io::ErrorKind::InvalidData => Failure::Protocol(error.message().to_string().into()),
        _ => Failure::Unreachable(Box::new(error)),
    }
}

impl Refusal {
    /// `kind` unless the text says better.
    fn new(kind: MetastoreErrorKind, message: Option<&str>) -> Self {
        let message = message.unwrap_or_default();
        let kind = if message.contains(MODIFIED) {
            MetastoreErrorKind::Modified
        } else if DATABASE_DOWN.iter().any(|text| message.contains(text)) {
            MetastoreErrorKind::Unavailable
        } else {
            kind
        };
        // Java's stack traces say nothing to a user.
        let message = message.lines().next().unwrap_or_default().to_owned();
        Self { kind, message }
    }
}

macro_rules! refusals {
    ($($exception:ident => $kind:ident,)*) => {
        $(impl From<hive_metastore::$exception> for Refusal {
            fn from(exception: hive_metastore::$exception) -> Self {
                Self::new(MetastoreErrorKind::$kind, exception.message.as_deref())
            }
        })*
    };
}

refusals! {
    AlreadyExistsException => AlreadyExists,
    InvalidObjectException => Refused,
    InvalidOperationException => Refused,
    MetaException => Refused,
    NoSuchObjectException => NotFound,
}

macro_rules! calls {
    ($($call:ident: $($variant:ident)*;)*) => {
        $(impl From<$call> for Refusal {
            fn from(exception: $call) -> Self {
                match exception {
                    $($call::$variant(exception) => exception.into(),)*
                }
            }
        })*
    };
}

calls! {
    CreateDatabaseException: O1 O2 O3;
    GetDatabaseException: O1 O2;
    CreateTableException: O1 O2 O3 O4;
    GetTableReqException: O1 O2;
    AlterTableException: O1 O2;
    AddPartitionsReqException: O1 O2 O3;
    AlterPartitionsException: O1 O2;
    GetPartitionsException: O1 O2;
    GetPartitionsByNamesException: O1 O2;
    GetPartitionNamesException: O2;
    DropPartitionException: O1 O2;
}

//! What a failed request means, and what the user can do about it.

use std::borrow::Cow;
use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_glue::error::{ProvideErrorMetadata, SdkError};
use hive_catalog::MetastoreErrorKind;

use crate::client::Operation;

/// A request that failed.
pub(crate) struct Failure {
    pub(crate) kind: MetastoreErrorKind,
    /// The end of a sentence.
    pub(crate) advice: Cow<'static, str>,
    pub(crate) source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// What came of a request.
    pub(crate) fn of<E>(operation: Operation, error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let SdkError::ServiceError(answer) = &error {
            let (status, answer) = (answer.raw().status().as_u16(), answer.err());
            let message = answer.message().unwrap_or_default();
            return Self::of_answer(operation, status, answer.code().unwrap_or_default(), message);
        }
        if let Some(failure) = no_credentials(&error) {
            return failure;
        }
        let (kind, advice) = match &error {
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => (
                MetastoreErrorKind::Unreachable,
                ": it does not answer; check the region, and that this network has a way to AWS or a VPC endpoint of Glue",
            ),
            SdkError::ResponseError(_) => {
                (MetastoreErrorKind::Protocol, ": its answer is not one of Glue")
            }
            _ => (MetastoreErrorKind::Protocol, ": the request cannot be made"),
        };
        let source = match error.into_source() {
            Ok(source) => source,
            Err(error) => Box::new(error),
        };
        Self { kind, advice: advice.into(), source }
    }

    /// `code` and `message` are Glue's. The names of errors are those of the AWS Glue Web API Reference and its "Common
    /// Errors".
    pub(crate) fn of_answer(operation: Operation, status: u16, code: &str, message: &str) -> Self {
        use MetastoreErrorKind::{
            AlreadyExists, Modified, NotFound, Protocol, Refused, Unavailable,
        };
        let (kind, advice): (_, Cow<'static, str>) = match code {
            "EntityNotFoundException" => (NotFound, missing(operation).into()),
            "AlreadyExistsException" => (AlreadyExists, ": it is there already".into()),
            "ConcurrentModificationException" | "VersionMismatchException"
                if operation == Operation::UpdateTable =>
            {
                (Modified, ": somebody else has changed it meanwhile".into())
            }
            "AccessDeniedException" => (Refused, missing_right(operation, message).into()),
            "ExpiredToken"
            | "ExpiredTokenException"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "UnrecognizedClientException" => {
                (Refused, ": AWS does not accept the credentials of this process".into())
            }
            "ThrottlingException"
            | "Throttling"
            | "RequestLimitExceeded"
            | "TooManyRequestsException" => {
                (Unavailable, ": it asks to be called less often; try again later".into())
            }
            "ConcurrentModificationException"
            | "FederationSourceRetryableException"
            | "InternalFailure"
            | "InternalServiceException"
            | "OperationTimeoutException"
            | "ResourceNotReadyException"
            | "ServiceUnavailable" => {
                (Unavailable, ": it cannot do so now; try again later".into())
            }
            "" if status < 500 => (Protocol, ": its answer is not one of Glue".into()),
            _ if status >= 500 => (Unavailable, ": it cannot do so now; try again later".into()),
            _ => (Refused, "".into()),
        };
        let said = match (code, message) {
            ("", _) => format!("HTTP status {status}"),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        Self { kind, advice, source: said.into() }
    }

    pub(crate) fn no_region() -> Self {
        Self {
            kind: MetastoreErrorKind::Refused,
            advice: ": the AWS region is not known; set AWS_REGION, or a region in AWS's configuration file".into(),
            source: "neither the environment, nor a profile, nor an instance names one".into(),
        }
    }

    pub(crate) fn broken(source: Box<dyn Error + Send + Sync>) -> Self {
        Self { kind: MetastoreErrorKind::Protocol, advice: "".into(), source }
    }
}

/// What is not there when a request says that something is not.
fn missing(operation: Operation) -> &'static str {
    match operation {
        Operation::CreateTable => ": its database is not there",
        Operation::CreatePartition | Operation::BatchCreatePartition => ": its table is not there",
        _ => ": it is not there",
    }
}

fn missing_right(operation: Operation, message: &str) -> String {
    if message.contains("Lake Formation") {
        return ": Lake Formation does not allow it to the AWS identity of this process".to_owned();
    }
    let instead = match operation {
        Operation::CreateDatabase => ", or create the database beforehand",
        _ => "",
    };
    format!(
        ": the AWS identity of this process lacks the right glue:{}; give it (emr/iam/node-glue.json has all that are needed){instead}",
        operation.name()
    )
}

/// When the request was never made, because nobody knows in whose name.
fn no_credentials(error: &(dyn Error + 'static)) -> Option<Failure> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<CredentialsError>() {
            let settled = matches!(
                found,
                CredentialsError::CredentialsNotLoaded(_)
                    | CredentialsError::InvalidConfiguration(_)
            );
            return Some(Failure {
                kind: if settled {
                    MetastoreErrorKind::Refused
                } else {
                    MetastoreErrorKind::Unreachable
                },
                advice: ": there are no AWS credentials; give some in the environment, by a profile (AWS_PROFILE) or by the role of the container or instance".into(),
                source: described(found).into(),
            });
        }
        cause = error.source();
    }
    None
}

/// With all causes. AWS's name no secrets, only where those were looked for.
pub(crate) fn described(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some print their cause themselves.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

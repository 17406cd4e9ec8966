//! Errors of the SDK, sorted and made readable.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use store::{StoreError, StoreErrorKind};

/// What went wrong, and who was asked. Several readers may wait for the same bytes and get the same.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub kind: StoreErrorKind,
    message: String,
    asked: Arc<str>,
    pub cause: Cause,
}

/// What this crate itself reacts to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    /// The condition of a request does not hold: 412.
    Condition,
    /// Somebody else is changing the object at this moment: to be tried again.
    Conflict,
    /// The multipart upload is not there, or not any more.
    NoSuchUpload,
    /// Nothing is there, but the bucket is.
    NoSuchKey,
    /// The answer broke off.
    Broken,
    /// The range begins behind the end of the object.
    Range,
    /// The server does not know the request.
    NotImplemented,
    Other,
}

impl Problem {
    pub(crate) fn new(kind: StoreErrorKind, message: impl Into<String>, asked: &Arc<str>) -> Self {
        Self { kind, message: message.into(), asked: asked.clone(), cause: Cause::Other }
    }

    pub(crate) fn of<E>(error: SdkError<E, HttpResponse>, asked: &Arc<str>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let SdkError::ServiceError(answer) = &error {
            let answered = Answered {
                status: answer.raw().status().as_u16(),
                code: answer.err().code().unwrap_or_default(),
                message: answer.err().message().unwrap_or_default(),
                region: answer.raw().headers().get("x-amz-bucket-region"),
            };
            return Self::of_answer(&answered, asked);
        }
        let (kind, message) = match credentials_problem(&error) {
            Some(CredentialsError::CredentialsNotLoaded(_)) => (
                StoreErrorKind::Address,
                "there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run \
                 where the machine has a role"
                    .to_owned(),
            ),
            Some(CredentialsError::ProviderTimedOut(_)) => {
                (StoreErrorKind::Unavailable, "the AWS credentials did not come in time".to_owned())
            }
            // STS or the machine's own endpoint did not give them now, for whatever reason.
            Some(
                problem @ (CredentialsError::ProviderError(_) | CredentialsError::Unhandled(_)),
            ) => (
                StoreErrorKind::Unavailable,
                format!("the AWS credentials cannot be had now: {}", innermost(problem)),
            ),
            Some(problem) => (
                StoreErrorKind::Address,
                format!("the AWS credentials cannot be had: {}", innermost(problem)),
            ),
            None => match &error {
                SdkError::TimeoutError(_) => {
                    (StoreErrorKind::Unavailable, "no answer in time".to_owned())
                }
                SdkError::DispatchFailure(failure) if failure.is_user() => {
                    (StoreErrorKind::Address, innermost(&error))
                }
                SdkError::ConstructionFailure(_) => (StoreErrorKind::Address, innermost(&error)),
                _ => (StoreErrorKind::Unavailable, innermost(&error)),
            },
        };
        Self::new(kind, message, asked)
    }

    fn of_answer(answer: &Answered<'_>, asked: &Arc<str>) -> Self {
        use StoreErrorKind as Kind;
        let Answered { status, code, message, region } = *answer;
        let (mut cause, mut hint) = (Cause::Other, String::new());
        let kind = match (code, status) {
            ("NoSuchBucket", _) => {
                hint = ": is the bucket's name right?".to_owned();
                Kind::Address
            }
            ("NoSuchUpload", _) => {
                cause = Cause::NoSuchUpload;
                Kind::Other
            }
            ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "TemporaryRedirect", _)
            | (_, 301 | 307 | 308) => {
                hint = match region {
                    Some(region) => {
                        format!(": the bucket is in the region {region}; set AWS_REGION={region}")
                    }
                    None => ": the bucket is in another region; set AWS_REGION".to_owned(),
                };
                Kind::Address
            }
            ("" | "BadRequest", 400) if region.is_some() => {
                let region = region.unwrap_or_default();
                hint = format!(": the bucket is in the region {region}; set AWS_REGION={region}");
                Kind::Address
            }
            ("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired", _) => {
                hint = ": the AWS credentials have expired".to_owned();
                Kind::Address
            }
            ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken", _) => {
                hint = ": check the AWS credentials".to_owned();
                Kind::Address
            }
            ("RequestTimeTooSkewed", _) => {
                hint = ": check the clock of this machine".to_owned();
                Kind::Address
            }
            (_, 412) => {
                cause = Cause::Condition;
                Kind::Other
            }
            ("ConditionalRequestConflict" | "OperationAborted", _) | (_, 409) => {
                cause = Cause::Conflict;
                Kind::Unavailable
            }
            (_, 404) => {
                cause = Cause::NoSuchKey;
                Kind::NotFound
            }
            (_, 416) => {
                cause = Cause::Range;
                Kind::Truncated
            }
            ("QuotaExceeded" | "QuotaExceededException" | "XMinioStorageFull", _) | (_, 507) => {
                Kind::Full
            }
            ("InvalidObjectState", _) => {
                hint = ": it is in an archive and has to be restored first".to_owned();
                Kind::Other
            }
            (_, 403) => {
                hint = ": does the identity have s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket there?"
                    .to_owned();
                Kind::PermissionDenied
            }
            ("NotImplemented" | "XNotImplemented", _) | (_, 501) => {
                cause = Cause::NotImplemented;
                Kind::Other
            }
            ("SlowDown" | "InternalError" | "ServiceUnavailable" | "RequestTimeout", _)
            | (_, 429 | 500..) => Kind::Unavailable,
            _ => Kind::Other,
        };
        let mut text = match (code, message) {
            ("", "") => format!("the answer was HTTP {status}"),
            ("", message) => message.to_owned(),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        text.push_str(&hint);
        Self { cause, ..Self::new(kind, text, asked) }
    }

    /// The same, of another kind.
    pub(crate) fn with_kind(self, kind: StoreErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// The same, for another reason.
    pub(crate) fn with_cause(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }

    pub(crate) fn into_error(self, action: &'static str, place: String) -> StoreError {
        StoreError::new(self.kind, action, place, self)
    }
}

/// What a server says.
#[derive(Clone, Copy)]
struct Answered<'a> {
    status: u16,
    code: &'a str,
    message: &'a str,
    /// Where the bucket is, if the server says so.
    region: Option<&'a str>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.asked)
    }
}

impl Error for Problem {}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let this = next?;
        next = this.source();
        Some(this)
    })
}

fn credentials_problem<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e CredentialsError> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The last cause: what is before it are names of layers.
fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, code: &str, region: Option<&str>) -> Problem {
        let answer = Answered { status, code, message: "why", region };
        Problem::of_answer(&answer, &"S3".into())
    }

    #[test]
    fn kinds_and_causes() {
        use StoreErrorKind as Kind;
        for (status, code, kind, cause) in [
            (404, "NoSuchKey", Kind::NotFound, Cause::NoSuchKey),
            (404, "", Kind::NotFound, Cause::NoSuchKey),
            (404, "NoSuchBucket", Kind::Address, Cause::Other),
            (404, "NoSuchUpload", Kind::Other, Cause::NoSuchUpload),
            (412, "PreconditionFailed", Kind::Other, Cause::Condition),
            (409, "ConditionalRequestConflict", Kind::Unavailable, Cause::Conflict),
            (416, "InvalidRange", Kind::Truncated, Cause::Range),
            (403, "AccessDenied", Kind::PermissionDenied, Cause::Other),
            (403, "InvalidAccessKeyId", Kind::Address, Cause::Other),
            (400, "ExpiredToken", Kind::Address, Cause::Other),
            (501, "NotImplemented", Kind::Other, Cause::NotImplemented),
            (503, "SlowDown", Kind::Unavailable, Cause::Other),
            (500, "", Kind::Unavailable, Cause::Other),
            (507, "", Kind::Full, Cause::Other),
            (400, "KeyTooLongError", Kind::Other, Cause::Other),
        ] {
            let problem = of(status, code, None);
            assert_eq!((problem.kind, problem.cause), (kind, cause), "{status} {code}");
        }
    }

    #[test]
    fn the_right_region_is_named() {
        for (status, code) in [
            (301, "PermanentRedirect"),
            (301, ""),
            (400, ""),
            (400, "AuthorizationHeaderMalformed"),
        ] {
            let problem = of(status, code, Some("eu-west-1"));
            assert_eq!(problem.kind, StoreErrorKind::Address);
            let text = problem.to_string();
            assert!(text.ends_with("set AWS_REGION=eu-west-1 (S3)"), "{text}");
        }
    }
}

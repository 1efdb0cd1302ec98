"""What a refusal of S3 or a service like it means, in one sentence that says what, where and what to do. Never a credential.

What lives elsewhere: the requests themselves (``s3``; ``serving/athena/glue`` for the Glue catalog).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from caremetrix_assets.errors import CaremetrixError, ServiceError, UsageError

_CREDENTIALS = "renew them where the standard AWS chain finds them (environment, ~/.aws, role)"
_DENIED = "access is denied; check the credentials and their permission to list, read, write and delete there"
_REFUSED = f"the credentials are not accepted; {_CREDENTIALS}"
_REGION = "the bucket is in another region; set CAREMETRIX_S3_REGION"
_FULL = "the store is full; free space there"

CREDENTIALS = {
    "InvalidAccessKeyId": _REFUSED,
    "SignatureDoesNotMatch": _REFUSED,
    "ExpiredToken": _REFUSED,
    "InvalidToken": _REFUSED,
    "RequestTimeTooSkewed": "this computer's clock is wrong; set it",
}


class Service(NamedTuple):
    """How a kind of service is named in a sentence, the setting of its address, and what its error codes mean."""

    name: str
    noun: str
    setting: str
    denied: str
    names: str
    meanings: dict[str, str]


S3_MEANINGS = {
    **CREDENTIALS,
    "NoSuchBucket": "the bucket does not exist; create it, or correct the address or CAREMETRIX_S3_ENDPOINT",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "301": _REGION,
    "NotImplemented": "the store does not know this kind of request; a lake needs a store with conditional writes",
    "XMinioStorageFull": _FULL,
    "QuotaExceeded": _FULL,
}
S3 = Service("S3", "store", "CAREMETRIX_S3_ENDPOINT", _DENIED, "bucket, region or object", S3_MEANINGS)


@contextmanager
def explained(verb: str, url: str, endpoint: str | None, service: Service = S3) -> Iterator[None]:
    """Turns boto's errors about ``url`` into a ServiceError, or a UsageError for an impossible name."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise ServiceError(f"{url} cannot be {verb}: {_meaning(error, service)}.") from error
    except (BotoCoreError, ResponseParserError, KeyError) as error:  # KeyError: an answer without what the service always sends
        raise _without_answer(error, f"{url} cannot be {verb}", _shown(endpoint, service), service) from error


def status_of(error: Any) -> int:
    """The HTTP status of a ClientError; 0 when it has none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(error: Any) -> str:
    """The error code of a ClientError; empty when the answer was not the service's own."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if re.fullmatch(r"[A-Za-z0-9.]{1,60}", code) else ""


def _meaning(error: Any, service: Service) -> str:
    """What an answer means; what is not known is named by its status and code, never by the answer's text."""
    code, status = code_of(error), status_of(error)
    known = service.meanings.get(code)
    if known is not None:
        return known
    if code in ("AccessDenied", "AccessDeniedException", "Forbidden", "403"):
        return service.denied
    answer = f"the {service.noun} answers {status} {code}".rstrip() if str(status) != code else f"the {service.noun} answers {status}"
    if status >= 500 or code in ("SlowDown", "ThrottlingException", "429"):
        return f"{answer}, several times; try again later, or check {service.setting} and the {service.noun}'s log"
    return service.denied if status == 403 else f"{answer}; check the address and {service.setting}"


def _without_answer(error: Exception, failed: str, endpoint: str, service: Service) -> CaremetrixError:
    """The error for a request that got no answer, or not one of the service."""
    from botocore import exceptions as boto

    credentials = (
        boto.NoCredentialsError,
        boto.PartialCredentialsError,
        boto.CredentialRetrievalError,
        boto.TokenRetrievalError,
        boto.NoAuthTokenError,
        boto.ProfileNotFound,
        boto.SSOError,
    )
    if isinstance(error, credentials):
        return ServiceError(f"{failed}: no usable AWS credentials are found; {_CREDENTIALS}.")
    if isinstance(error, (boto.ValidationError, boto.ParamValidationError, boto.InvalidDNSNameError, boto.EndpointProviderError)):
        return UsageError(f"{failed}: the name of the {service.names} is not a valid one.")
    if isinstance(error, boto.SSLError):
        return ServiceError(f"{failed}: the certificate of {endpoint} is not accepted; correct it or AWS_CA_BUNDLE.")
    if isinstance(error, (boto.HTTPClientError, boto.ConnectionError)):
        return ServiceError(f"{failed}: no answer from {endpoint}; start the {service.noun}, or correct {service.setting}.")
    return ServiceError(f"{failed}: {endpoint} does not answer as {service.name} does ({type(error).__name__}); check {service.setting}.")


def _shown(endpoint: str | None, service: Service) -> str:
    """The endpoint without user, password and query."""
    if endpoint is None:
        return f"AWS {service.name}"
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

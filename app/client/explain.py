"""Turn Triton's and gRPC's errors into the project's, whose messages are for visitors."""

from __future__ import annotations

import logging
import re

from tritonclient.utils import InferenceServerException

from app.errors import (
    CertificateError,
    MessageSizeError,
    ModelGoneError,
    ServerBusyError,
    ServerError,
    ServerMemoryError,
    ServerUnavailableError,
)
from app.i18n import Text, say

log = logging.getLogger(__name__)

WITHDRAWN_MODEL = "taken out of service"  # in Triton's reason, for a model that the supervisor has withdrawn
# Messages of CUDA, of torch on a CPU, of the shared memory between Triton and its instances, and of C++ and Python.
OUT_OF_MEMORY = re.compile("out of memory|allocate memory|shared memory pool|bad_alloc|MemoryError", re.IGNORECASE)
UNKNOWN_MODEL = "unknown model"
# Messages of Triton about an instance that has died or a server that ends, and of gRPC about a broken connection.
UNAVAILABLE = re.compile("not healthy|stopping|RST_STREAM|stream removed|connection", re.IGNORECASE)
UNKNOWN_HOST = re.compile(r"(?:errors resolving|resolution failed for) (?:dns:///)?(\S+?:\d+)")
# Messages of TLS: the server's certificate is of an unknown authority, for another name, or expired; or it has none.
CERTIFICATE = re.compile("certificate|ssl_error|tls handshake|hostname verification", re.IGNORECASE)
# gRPC's message where the server ends every connection at its beginning.
CLOSED = re.compile("all backends failing.*socket closed", re.IGNORECASE | re.DOTALL)
# Messages of Envoy, of gRPC itself, and of gRPC where a proxy answers by HTTP.
TOO_LARGE = re.compile("payload too large|message larger than max|http2 header with status: 413", re.IGNORECASE)
CLIENT_CLOSED = "Channel closed"
VALUE_ERROR = re.compile(r"^(builtins\.)?(Value|Assertion)Error: ", re.MULTILINE)


def status_of(error: InferenceServerException) -> str:
    """Return the name of gRPC's status code, for example ``UNAVAILABLE``."""
    return str(error.status()).removeprefix("StatusCode.")


def is_away(error: InferenceServerException) -> bool:
    """Return whether a server is away or full: another one, or the same one later, may respond.

    A server that stops, and a proxy whose server does, cancels the calls that it has. What this client cancels are
    calls whose answers nobody waits for any more.
    """
    status = status_of(error)
    return status == "UNAVAILABLE" or (status == "CANCELLED" and CLIENT_CLOSED not in str(error.message()))


def explain(error: InferenceServerException) -> ServerError:
    """Convert Triton's error to one whose message is for a visitor; Triton's own is its cause."""
    explained = translate(error)
    explained.__cause__ = error
    return explained


def translate(error: InferenceServerException) -> ServerError:
    """Choose the error and the message for one of Triton's."""
    status, message = status_of(error), str(error.message())
    if status != "CANCELLED":  # cancelled by us
        # For the operator. While a server starts, it is asked twenty times a second.
        log.log(logging.DEBUG if status == "UNAVAILABLE" else logging.INFO, "Triton answered %s: %s", status, message)
    if "maximum queue size" in message:
        return ServerBusyError(say("error.server_busy"), status)
    if status == "DEADLINE_EXCEEDED":
        return ServerUnavailableError(say("error.server_slow"), status)
    # A network was served when its task was read: the server is unloading it to stop, or has newer weights.
    if status == "NOT_FOUND" or UNKNOWN_MODEL in message:
        return ModelGoneError(say("error.server_away"))
    if host := UNKNOWN_HOST.search(message):
        return ServerUnavailableError(f"The host in the address {host[1]} is unknown.", status)
    if status == "UNAVAILABLE" and CERTIFICATE.search(message):
        reason = message.rpartition("last error: ")[2]
        return CertificateError(f"The restoration server's certificate is not accepted, or it has none: {reason}")
    if CLOSED.search(message):
        return ServerUnavailableError(
            "The restoration server closes every connection: it may be restarting, or one side alone uses TLS, or it "
            "does not accept the client's certificate.",
            status,
        )
    if TOO_LARGE.search(message):
        return MessageSizeError(
            "The request, or its answer, is larger than the restoration server or a proxy before it allows "
            f"({reason_in(message).rstrip('.')}): raise the limit there, or send smaller tiles."
        )
    if is_away(error) or UNAVAILABLE.search(message):
        return ServerUnavailableError(say("error.server_away"))
    if OUT_OF_MEMORY.search(message):
        return ServerMemoryError(say("error.memory"))
    if "not finite" in message:
        return ServerError(say("error.not_finite"), status)
    # LibTorch's backend reports what the network itself refuses as an error of its own.
    is_refusal = status == "INTERNAL" and VALUE_ERROR.search(message)
    return ServerError(say("error.refused", message=reason_in(message)), "INVALID_ARGUMENT" if is_refusal else status)


def reason_in(message: str) -> str:
    """Return the last line of Triton's message: the LibTorch backend puts a traceback before it."""
    last = (message.strip().splitlines() or ["it gave no reason"])[-1].strip()
    return re.sub(r"^(builtins\.)?\w+Error: ", "", last)


def unavailable(network: str, reason: str) -> Text:
    """Return the message about a network that Triton could not load."""
    return say("error.withdrawn_task" if WITHDRAWN_MODEL in reason else "error.unavailable_task", task=network)

"""The exceptions of the project. The message of each is one sentence.

It is in the visitor's language where the error has a :class:`~app.i18n.Text`, and otherwise in English: such errors are
for programs and for those who run the server.

RestorationError
├── PhotoError              the photo cannot be used: not an image, damaged, empty, too large
├── StorageError            a result cannot be stored
├── UnknownTaskError        no such task is served
├── UnknownQualityError     no such quality exists
├── AddressError            an address or an option of the connection is malformed
└── ServerError             Triton refused or failed a request
    ├── ServerUnavailableError   it does not respond: down, restarting, overloaded
    │   ├── ServerBusyError          it responds, but its queue is full
    │   └── ModelGoneError           it responds, but has no such version of the network
    ├── DeadlineError            the time for the whole photo is over
    ├── CertificateError         it and the client do not trust each other's certificates
    ├── MessageSizeError         the request or its answer is larger than a message may be
    ├── ServerMemoryError        it has too little free memory for a tensor
    └── ServerStartError         it cannot be started, or kept running, on this machine

``app/web/limits.py`` has two more, of the page: TooManyError and CallerGoneError.
"""

from __future__ import annotations

from typing import ClassVar

from app.i18n import Text


class RestorationError(Exception):
    """Base class of the errors; ``str(error)`` can be shown to a visitor.

    Args:
        text: the message; a plain string, in English, where it is for operators.
        status: where it is not the one of the class.

    Attributes:
        status: name of gRPC's status code for this error: ``grpc.StatusCode[error.status]``. That of a ServerError is
            the server's own.
    """

    usual_status: ClassVar[str] = "UNKNOWN"

    def __init__(self, text: Text | str, status: str = "") -> None:
        super().__init__(str(text))
        self.text = text
        self.status = status or self.usual_status

    def into(self, language: str) -> str:
        """Return the message in a language."""
        return self.text.into(language) if isinstance(self.text, Text) else self.text


class PhotoError(RestorationError):
    """The photo cannot be used."""

    usual_status = "INVALID_ARGUMENT"


class StorageError(RestorationError):
    """A result cannot be stored."""

    usual_status = "RESOURCE_EXHAUSTED"


class UnknownTaskError(RestorationError):
    """No such task is served."""

    usual_status = "NOT_FOUND"


class UnknownQualityError(RestorationError):
    """No such quality exists."""

    usual_status = "INVALID_ARGUMENT"


class AddressError(RestorationError):
    """An address, or an option of the connection, is malformed."""

    usual_status = "INVALID_ARGUMENT"


class ServerError(RestorationError):
    """Triton refused or failed a request."""

    usual_status = "INTERNAL"


class ServerUnavailableError(ServerError):
    """Triton does not respond."""

    usual_status = "UNAVAILABLE"


class ServerBusyError(ServerUnavailableError):
    """Triton responds, but its queue is full."""


class ModelGoneError(ServerUnavailableError):
    """Triton responds, but does not have the network's version: it is stopping, or has newer weights."""

    usual_status = "NOT_FOUND"


class DeadlineError(ServerError):
    """The time for the whole photo is over."""

    usual_status = "DEADLINE_EXCEEDED"


class CertificateError(ServerError):
    """Triton and the client do not trust each other's certificates."""

    usual_status = "UNAVAILABLE"


class MessageSizeError(ServerError):
    """A request, or its answer, is larger than the client, the server or a proxy between them allows."""

    usual_status = "RESOURCE_EXHAUSTED"


class ServerMemoryError(ServerError):
    """Triton has too little free memory for a tensor."""

    usual_status = "RESOURCE_EXHAUSTED"


class ServerStartError(ServerError):
    """Triton cannot be started, or kept running, on this machine."""

    usual_status = "FAILED_PRECONDITION"

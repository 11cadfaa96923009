"""The exceptions of the project. The message of each is one sentence.

It is in the visitor's language where the error has a :class:`~app.i18n.Text`, and otherwise in English: such errors are
for programs and for those who run the server.

RestorationError
├── PhotoError              the photo cannot be used: not an image, damaged, empty, too large
├── StorageError            a result cannot be stored
├── UnknownTaskError        no such task is served
├── UnknownQualityError     no such quality exists
└── ServerError             Triton refused or failed a request
    ├── ServerUnavailableError   it does not respond: down, restarting, overloaded
    │   ├── ServerBusyError          it responds, but its queue is full
    │   └── ModelGoneError           it responds, but has no such version of the network
    ├── ServerMemoryError        it has too little free memory for a tensor
    └── ServerStartError         it cannot be started, or kept running, on this machine

``app/web/limits.py`` has two more, of the page: TooManyError and CallerGoneError.
"""

from __future__ import annotations

from app.i18n import Text


class RestorationError(Exception):
    """Base class of the errors; ``str(error)`` can be shown to a visitor.

    Args:
        text: the message; a plain string, in English, where it is for operators.
    """

    def __init__(self, text: Text | str) -> None:
        super().__init__(str(text))
        self.text = text

    def into(self, language: str) -> str:
        """Return the message in a language."""
        return self.text.into(language) if isinstance(self.text, Text) else self.text


class PhotoError(RestorationError):
    """The photo cannot be used."""


class StorageError(RestorationError):
    """A result cannot be stored."""


class UnknownTaskError(RestorationError):
    """No such task is served."""


class UnknownQualityError(RestorationError):
    """No such quality exists."""


class ServerError(RestorationError):
    """Triton refused or failed a request."""


class ServerUnavailableError(ServerError):
    """Triton does not respond."""


class ServerBusyError(ServerUnavailableError):
    """Triton responds, but its queue is full."""


class ModelGoneError(ServerUnavailableError):
    """Triton responds, but does not have the network's version: it is stopping, or has newer weights."""


class ServerMemoryError(ServerError):
    """Triton has too little free memory for a tensor."""


class ServerStartError(ServerError):
    """Triton cannot be started, or kept running, on this machine."""

"""The error tree. Every message is one sentence for the person who waits for a photo, in their language.

RestorationError
├── PhotoError              the photo cannot be used: not an image, damaged, empty, too large
├── UnknownTaskError        no such task is served
├── UnknownQualityError     there is no such quality
└── ServerError             Triton refused or failed a request
    ├── ServerUnavailableError   it does not answer: down, restarting, overloaded
    ├── ServerMemoryError        a tensor is too large for the memory that it has left
    └── ServerStartError         ours cannot be started here, or kept running
"""

from __future__ import annotations

from app.i18n import Text


class RestorationError(Exception):
    """Anything that keeps a photo from being restored; ``str(error)`` is fit for a visitor.

    Args:
        text: what to tell; a plain string is for operators, who read English.
    """

    def __init__(self, text: Text | str) -> None:
        super().__init__(str(text))
        self.text = text

    def into(self, language: str) -> str:
        """The message in a language."""
        return self.text.into(language) if isinstance(self.text, Text) else self.text


class PhotoError(RestorationError):
    """The photo cannot be used."""


class UnknownTaskError(RestorationError):
    """No such task is served."""


class UnknownQualityError(RestorationError):
    """There is no such quality."""


class ServerError(RestorationError):
    """Triton refused or failed a request."""


class ServerUnavailableError(ServerError):
    """Triton does not answer."""


class ServerMemoryError(ServerError):
    """Triton has too little memory for a tensor."""


class ServerStartError(ServerError):
    """A Triton of our own cannot be started on this machine, or kept running."""

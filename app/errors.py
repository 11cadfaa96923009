"""The error tree. Every message is one sentence for the person who waits for a photo.

RestorationError
├── PhotoError              the photo cannot be used: not an image, damaged, empty, too large
├── UnknownTaskError        no such task is served
└── ServerError             Triton refused or failed a request
    ├── ServerUnavailableError   it does not answer: down, restarting, overloaded
    └── ServerStartError         the embedded one cannot be started here
"""


class RestorationError(Exception):
    """Anything that keeps a photo from being restored; ``str(error)`` is fit for a visitor."""


class PhotoError(RestorationError):
    """The photo cannot be used."""


class UnknownTaskError(RestorationError):
    """No such task is served."""


class ServerError(RestorationError):
    """Triton refused or failed a request."""


class ServerUnavailableError(ServerError):
    """Triton does not answer."""


class ServerStartError(ServerError):
    """The embedded Triton cannot be started on this machine."""

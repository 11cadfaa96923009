"""Certificates of an authority that exists for one test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import grpc
import trustme


@dataclass(frozen=True)
class Identities:
    """An authority's certificate, and the certificate and key of a server and of a client, all in PEM."""

    root: bytes
    server: tuple[bytes, bytes]
    client: tuple[bytes, bytes]

    def credentials(self, *, is_mutual: bool = False) -> grpc.ServerCredentials:
        """Those of the server; where ``is_mutual``, it asks for a client's certificate."""
        certificate, key = self.server
        return grpc.ssl_server_credentials([(key, certificate)], self.root if is_mutual else None, is_mutual)


def identities(host: str = "127.0.0.1", *, is_expired: bool = False) -> Identities:
    """New ones, for a server at a host; where ``is_expired``, the server's was valid until yesterday."""
    authority = trustme.CA()
    end = datetime.now(UTC) - timedelta(days=1) if is_expired else None
    return Identities(authority.cert_pem.bytes(), issue(authority, host, end), issue(authority, "client"))


def issue(authority: trustme.CA, name: str, end: datetime | None = None) -> tuple[bytes, bytes]:
    issued = authority.issue_cert(name, not_after=end)
    return b"".join(part.bytes() for part in issued.cert_chain_pems), issued.private_key_pem.bytes()

"""The room for uploads: of all visitors together, and of one of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.web import storage
from app.web.errors import RefusedError

# The uploads and results of all visitors, and what one visitor has uploaded while files are kept.
MAX_STORED = 2 << 30
MAX_OF_VISITOR = 1 << 30
# The photos of one request together, however few bytes the page has seen of them.
MAX_REQUEST = 512 << 20
# Of what an upload has announced, so much is reserved beyond what has arrived.
AHEAD = 64 << 20

NO_ROOM = "The server has no room for more photos at the moment: try again in ten minutes."


@dataclass(eq=False)
class Upload:
    """One upload.

    Attributes:
        address: of its visitor.
        length: bytes that it has announced.
        received: returns how many of them have arrived.
        ended_s: time at which it ended; None while it is under way.
    """

    address: str
    length: int
    received: Callable[[], int]
    ended_s: float | None = None

    def reserved(self) -> int:
        """Return the bytes that are kept for it while it is under way: little for one that has only announced much."""
        return min(self.length, self.received() + AHEAD)


class UploadRoom:
    """The uploads under way, and those whose files may still be stored."""

    def __init__(self) -> None:
        self._uploads: list[Upload] = []

    @asynccontextmanager
    async def reserve(self, address: str, length: int, received: Callable[[], int]) -> AsyncIterator[None]:
        """Keep room for an upload of a visitor, as long as it lasts.

        Args:
            address: of the visitor.
            length: bytes that it announces.
            received: returns how many of them have arrived.

        Raises:
            RefusedError: it is too large, or there is no room.
        """
        if length > MAX_REQUEST:
            raise RefusedError(413, f"These files exceed {MAX_REQUEST >> 20} MB together: upload fewer at once.")
        stored = await asyncio.to_thread(storage.used)
        oldest_s = time.monotonic() - storage.CACHE_AGE_S
        self._uploads = [upload for upload in self._uploads if upload.ended_s is None or upload.ended_s > oldest_s]
        if sum(upload.length for upload in self._uploads if upload.address == address) + length > MAX_OF_VISITOR:
            minutes = storage.CACHE_AGE_S // 60
            raise RefusedError(429, f"You have uploaded {MAX_OF_VISITOR >> 20} MB in {minutes} minutes: wait a while.")
        under_way = sum(upload.reserved() for upload in self._uploads if upload.ended_s is None)
        if stored + under_way + length > MAX_STORED:
            raise RefusedError(507, NO_ROOM)
        upload = Upload(address, length, received)
        self._uploads.append(upload)
        try:
            yield
        finally:
            # It may be remembered longer than its connection.
            upload.ended_s, upload.received = time.monotonic(), lambda: length

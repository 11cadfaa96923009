"""The ``Accept-Language`` header (RFC 9110, section 12.5.4)."""

from __future__ import annotations

import re

RANGE = re.compile(
    r"\s*(?P<tag>\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)"
    r"(?:\s*;\s*q\s*=\s*(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?\s*",
    re.IGNORECASE,
)


def parse_accept_language(header: str) -> dict[str, float]:
    """Return the weight, 0 to 1, of each language tag in lower case, or ``*``; malformed parts are left out."""
    ranges = [match for part in header.split(",") if (match := RANGE.fullmatch(part))]
    return {match["tag"].lower(): float(match["weight"] or 1) for match in ranges}

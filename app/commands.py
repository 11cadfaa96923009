"""The commands of :mod:`app.cli`, described here so that listing them imports none of it; and the kinds of Triton."""

from __future__ import annotations

COMMANDS = {
    "page": "serve the page; starts Triton where none is named",
    "restore": "restore photos from the command line",
    "restore-many": "restore all photos of a folder, of millions too, and go on where a run ended",
    "judge": "tell what photos need: how likely each kind of damage is, and which tasks to try",
    "triton": "serve Triton alone, for pages on other machines",
    "health": "ask a running page, or a Triton, whether it restores",
}

# The keys of app.triton.LAUNCHES: that package needs more than the client, and is imported where a Triton is started.
TRITONS = ("embedded", "installed")

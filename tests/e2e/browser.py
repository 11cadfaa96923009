"""A headless Chromium, and the devices that visitors have."""

import os
import shutil
from typing import Any

from playwright.sync_api import Browser, Playwright

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    # A moving test picture instead of a webcam, allowed without asking.
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
]
DESK: dict[str, Any] = {"viewport": {"width": 1400, "height": 950}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}


def chromium(playwright: Playwright) -> Browser:
    """A headless Chromium, to be closed."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "the browser tests need Chromium: `make test` installs it, or set CHROMIUM to its path"
    return playwright.chromium.launch(executable_path=path, args=FLAGS)

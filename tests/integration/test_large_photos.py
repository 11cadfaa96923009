"""The largest result and many tiles, through the page, within bounded memory. ``pytest -s`` prints the figures."""

import threading
import time

import psutil
import pytest
import skimage.data
from gradio_client import handle_file
from PIL import Image

from tests.support.page_client import page_client
from tests.support.processes import running_page

PAGE_GB, SERVER_GB = 1.5, 3.0


class PeakMemory(threading.Thread):
    """The most memory that a page's process and the servers under it have held, in GB."""

    def __init__(self, page: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.page_process, self.page, self.server, self.ended = page, 0.0, 0.0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            self.page = max(self.page, self.page_process.memory_info().rss / 1e9)
            self.server = max(self.server, sum(map(share_bytes, self.page_process.children(recursive=True))) / 1e9)


def share_bytes(process: psutil.Process) -> int:
    """The memory of a process, where what it shares with others counts in part; 0 if it has just ended."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0


@pytest.mark.timeout(900)  # minutes beside other work
@pytest.mark.parametrize(("task", "size", "scale"), [("deblur", (1400, 2100), 1), ("sr_x4", (2000, 3000), 4)])
def test_memory_is_bounded(task, size, scale, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # the result is as large as meant
    photo = tmp_path / "large.jpg"
    Image.fromarray(skimage.data.astronaut()).resize(size[::-1], Image.Resampling.BICUBIC).save(photo, quality=95)
    with running_page() as (url, process):
        peak = PeakMemory(psutil.Process(process.pid))
        peak.start()
        try:
            started = time.monotonic()
            download, report = page_client(url).predict(handle_file(photo), task, api_name="/restore")
            seconds = time.monotonic() - started
        finally:
            peak.ended.set()
            peak.join()
    megapixels = size[0] * size[1] / 1e6
    print(
        f"{task}, {megapixels:.0f} MP: {seconds:.0f} s, page {peak.page:.2f} GB, server {peak.server:.2f} GB; {report}"
    )
    with Image.open(download) as restored, Image.open(photo) as before:
        assert restored.size == (size[1] * scale, size[0] * scale)
        small = (300, 200)  # the same photo, not a black one: close to it when both are made small
        pairs = zip(restored.resize(small).tobytes(), before.resize(small).tobytes(), strict=True)
        assert sum(abs(a - b) for a, b in pairs) / (3 * small[0] * small[1]) < 4
    assert 0.1 < peak.page < PAGE_GB
    assert 0.1 < peak.server < SERVER_GB

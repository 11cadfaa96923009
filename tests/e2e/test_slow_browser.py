"""Browsers that are slow to read what the page sends."""

import pytest
from playwright.sync_api import expect

from tests.e2e.visitor import WAIT_MS, bring, restore
from tests.support.files import png
from tests.support.processes import running_page

# Reads the end of each stream of messages later than it was sent, as a busy browser does.
READ_ENDS_LATE = """
const ask = window.fetch;
window.fetch = async (...request) => {
  const response = await ask(...request);
  if (!(request[0].url ?? String(request[0])).includes('/queue/data')) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      if (new TextDecoder().decode(value).includes('close_stream')) {
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, { status: response.status, headers: response.headers });
};
"""


# A page that closes each stream as soon as nothing runs.
HASTY_PAGE = """
import sys
from app import cli as page
from app.web import event_stream
event_stream.LINGER_S = 0
sys.exit(page.main(sys.argv[1:]))
"""


@pytest.mark.timeout(900)
def test_no_event_waits_on_a_stream_that_is_closed(visit, triton, small_photo, tmp_path):
    (tmp_path / "photo.png").write_bytes(png(small_photo))
    with running_page("--triton-url", triton.url, program=("-c", HASTY_PAGE)) as (url, _):
        for _ in range(6):  # if events are told of at once, every second visit fails
            tab = visit("?task=sr_x4", url=url, script=READ_ENDS_LATE)
            expect(tab.locator("#samples img").first).to_be_visible(timeout=WAIT_MS)
            bring(tab, tmp_path / "photo.png")
            restore(tab)
            tab.close()

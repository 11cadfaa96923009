"""Requests made from the page's descriptions of its routes, right and wrong ones: no crash, nothing of the code."""

import time

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.errors import InvalidSchema
from schemathesis.core.result import Ok

from tests.support.queue import TIMEOUT_S

SECRETS = ("Traceback", "site-packages", "root:", "Internal Server Error")
STREAM_S = 0.2  # streams go on for as long as somebody listens
FEW = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("description", ["/gradio_api/openapi.json", "/openapi.json"])
def test_requests_after_the_descriptions(page_url, description, mode):
    schema = schemathesis.openapi.from_url(f"{page_url}{description}").exclude(path_regex="/heartbeat/")  # says nothing
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    asked = [ask_some(operation, mode, page_url) for operation in operations]
    assert sum(asked) > len(asked)
    assert httpx.get(f"{page_url}/health").status_code == 200


def ask_some(operation, mode, url):
    """Make requests of one route; return how many. Where a route takes nothing, nothing about it can be wrong."""
    asked = 0

    @FEW
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case):
        nonlocal asked
        request = {**case.as_transport_kwargs(base_url=url), "stream": True, "timeout": TIMEOUT_S}
        try:
            response = requests.request(**request)
        except requests.exceptions.InvalidURL:
            return
        asked += 1
        started, text = time.monotonic(), b""
        for part in response.iter_content(None):
            text += part
            if time.monotonic() - started > STREAM_S:
                break
        response.close()
        assert response.status_code < 500, (operation.label, text[:300])
        assert not [secret for secret in SECRETS if secret.encode() in text], (operation.label, text[:300])

    try:
        ask()
    except (Unsatisfiable, InvalidSchema) as reason:
        print(operation.label, type(reason).__name__)
    return asked

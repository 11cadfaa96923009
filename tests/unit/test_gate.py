"""The checks that a request passes before Gradio sees it."""

import asyncio
import base64
import errno
from types import SimpleNamespace

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from app.errors import ServerStartError
from app.web import gate, storage, upload_room
from app.web.gate import Gate
from app.web.users import read_users
from tests.support.processes import run_async

USERS = {"ann": "s3cret: ü", "bob": "other"}


async def page(scope, receive, send):
    """A page that tells how much it was sent."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


def ask(app, method, path, client=("127.0.0.1", 123), **options):
    """The response of an app to a client's request."""

    async def answer():
        transport = httpx.ASGITransport(app, client=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://din.example") as connection:
            return await connection.request(method, path, **options)

    return run_async(answer())


def authorization(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
def stored(monkeypatch):
    """The bytes of all stored files, in a list to change."""
    sizes = [0]
    monkeypatch.setattr(storage, "used", lambda: sizes[0])
    return sizes


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (authorization("ann", USERS["ann"]), 200),
        (authorization("ann", "other"), 401),
        (authorization("nobody", ""), 401),
        (authorization("", ""), 401),
        ({"Authorization": "Bearer x"}, 401),
        ({"Authorization": "Basic !!"}, 401),
        ({"Authorization": "Basic /w=="}, 401),
    ],
)
def test_a_page_with_users_asks_for_a_password(headers, status):
    answer = ask(Gate(page, USERS), "GET", "/", headers=headers)
    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert ask(Gate(page), "GET", "/", headers=headers).status_code == 200


def test_its_health_can_be_asked_for_without():
    assert ask(Gate(page, USERS), "GET", "/health").status_code == 200


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("POST", {"Origin": "https://evil.example"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("POST", {"Origin": "http://din.example"}, 200),
        ("POST", {}, 200),
    ],
)
def test_other_sites_may_not_use_a_visitors_password(method, headers, status):
    sent = {**authorization("bob", USERS["bob"]), **headers}
    assert ask(Gate(page, USERS), method, "/gradio_api/queue/join", headers=sent).status_code == status


def test_what_is_no_photo_has_to_be_small():
    exact, larger = b"x" * gate.MAX_BODY, b"x" * (gate.MAX_BODY + 1)
    assert ask(Gate(page), "POST", "/gradio_api/queue/join", content=exact).text == str(gate.MAX_BODY)
    answer = ask(Gate(page), "POST", "/gradio_api/queue/join", content=larger)
    assert (answer.status_code, answer.text) == (413, "The request is larger than 4 MB.")


def test_uploads_are_refused_where_all_photos_together_have_no_room(stored):
    assert ask(Gate(page), "POST", gate.UPLOAD, content=b"x" * 1000).status_code == 200
    stored[0] = upload_room.MAX_STORED - 500
    answer = ask(Gate(page), "POST", gate.UPLOAD, content=b"x" * 1000)
    assert answer.status_code == 507
    assert "no room for more photos" in answer.text


def test_uploads_under_way_count_until_they_end(stored):
    """Two of 600 bytes at once, where 1,000 have room: the second is refused, and a third finds room again."""
    begun, finish = asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send):
        begun.set()
        await finish.wait()
        await page(scope, receive, send)

    async def three():
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(Gate(slow)), base_url="http://din.example"
        ) as client:
            first = asyncio.create_task(client.post(gate.UPLOAD, content=b"x" * 600))
            await begun.wait()
            second = await client.post(gate.UPLOAD, content=b"x" * 600)
            finish.set()
            return [
                (await first).status_code,
                second.status_code,
                (await client.post(gate.UPLOAD, content=b"x" * 600)).status_code,
            ]

    stored[0] = upload_room.MAX_STORED - 1000
    assert run_async(three()) == [200, 507, 200]


def test_one_request_brings_photos_of_a_bounded_size(stored):
    headers = {"Content-Length": str(upload_room.MAX_REQUEST + 1)}
    answer = ask(Gate(page), "POST", gate.UPLOAD, headers=headers)
    assert answer.status_code == 413
    assert answer.text == "These files exceed 512 MB together: upload fewer at once."


def test_one_visitor_leaves_room_for_the_others(stored, monkeypatch):
    monkeypatch.setattr(upload_room, "MAX_OF_VISITOR", 1000)
    gated = Gate(page)

    def upload(host):
        return ask(gated, "POST", gate.UPLOAD, client=(host, 1), content=b"x" * 600).status_code

    assert [upload("192.0.2.1"), upload("192.0.2.1"), upload("192.0.2.2")] == [200, 429, 200]
    monkeypatch.setattr(storage, "CACHE_AGE_S", 0)
    assert upload("192.0.2.1") == 200


def test_a_caller_of_mcp_is_who_it_is(stored):
    async def who(scope, receive, send):
        await PlainTextResponse(Headers(scope=scope)["x-forwarded-for"])(scope, receive, send)

    forged = {"X-Forwarded-For": "198.51.100.1"}
    assert ask(Gate(who), "POST", "/gradio_api/mcp/", client=("192.0.2.1", 1), headers=forged).text == "192.0.2.1"
    assert ask(Gate(who), "POST", "/gradio_api/call/x", client=("192.0.2.1", 1), headers=forged).text == "198.51.100.1"


def test_the_page_calls_itself_without_a_password():
    gated = Gate(page, USERS, key="secret")
    assert ask(gated, "GET", "/", headers={gate.KEY_HEADER: "secret"}).status_code == 200
    assert ask(gated, "GET", "/", headers={gate.KEY_HEADER: "other"}).status_code == 401
    assert ask(Gate(page, USERS), "GET", "/", headers={gate.KEY_HEADER: ""}).status_code == 401


def test_a_full_disk_is_told_from_a_request_that_cannot_be_read():
    async def full(scope, receive, send):
        raise OSError(errno.ENOSPC, "No space left on device")

    answer = ask(Gate(full), "POST", "/gradio_api/call/x")
    assert (answer.status_code, answer.text) == (507, upload_room.NO_ROOM)


@pytest.mark.parametrize("path", [gate.UPLOAD, "/gradio_api/queue/join"])
def test_requests_have_to_say_how_long_they_are(stored, path):
    async def parts():
        yield b"x"

    answer = ask(Gate(page), "POST", path, content=parts())
    assert (answer.status_code, answer.text) == (411, "Say how long the request is, by Content-Length.")


def test_calls_that_gradio_cannot_read_are_refused_with_a_sentence():
    async def unreadable(scope, receive, send):
        raise KeyError("/no/such/function")

    answer = ask(Gate(unreadable), "POST", "/gradio_api/queue/join", json={})
    assert (answer.status_code, answer.text) == (400, "This request cannot be read.")


def test_a_response_that_breaks_off_ends():
    async def breaking(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        raise RuntimeError("no such event")

    answer = ask(Gate(breaking), "GET", "/gradio_api/queue/data")
    assert (answer.status_code, answer.text) == (200, "begun")


@pytest.mark.parametrize(
    "path", ["/gradio_api/process_recording", "/gradio_api/vibe-edit/", "/gradio_api/proxy=https://x", "/monitoring/x"]
)
def test_routes_that_the_page_does_not_need_are_closed(path):
    assert ask(Gate(page), "POST", path).status_code == 404


def test_a_sender_that_pauses_has_gone_but_a_reader_may_take_its_time(monkeypatch):
    monkeypatch.setattr(gate, "STALLED_S", 0.2)

    async def stalled():
        await asyncio.sleep(30)
        return {"type": "http.request"}

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/gradio_api/queue/join", "headers": []}
    run_async(Gate(page)(scope, stalled, send))
    assert [sent[0]["status"], sent[1]["body"]] == [408, b"Nothing has arrived for 0 s."]

    async def patient(scope, receive, send):
        await Request(scope, receive).body()
        leaving = asyncio.create_task(receive())  # as servers notice that a reader goes
        await asyncio.sleep(0.5)
        assert not leaving.done() or leaving.exception() is None
        leaving.cancel()
        await PlainTextResponse("done")(scope, receive, send)

    assert ask(Gate(patient), "POST", "/gradio_api/queue/join", content=b"x").text == "done"


def test_users_are_read_from_a_file_of_the_operators_own(tmp_path):
    path = tmp_path / "users"
    path.write_text("ann:s3cret: ü\n\nbob:other\n", encoding="utf-8")
    path.chmod(0o600)
    assert read_users(path) == USERS


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        ("ann:x\n", 0o644, "Others on this machine may read the secrets"),
        ("ann\n", 0o600, "user 1: write name:password"),
        (":x\n", 0o600, "user 1: write name:password"),
        ("", 0o600, "names no users"),
    ],
)
def test_a_file_of_users_that_is_not_right_is_refused(tmp_path, text, mode, sentence):
    path = tmp_path / "users"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(ServerStartError, match=sentence):
        read_users(path)
    with pytest.raises(ServerStartError, match="cannot be read"):
        read_users(tmp_path / "none")


@pytest.mark.parametrize(
    ("error", "status"), [(TypeError("no file"), 400), (OSError(28, "No space left on device"), 507)]
)
def test_an_upload_that_cannot_be_taken_is_refused_with_a_sentence(stored, error, status):
    async def broken(scope, receive, send):
        raise error

    answer = ask(Gate(broken), "POST", gate.UPLOAD, content=b"x")
    assert answer.status_code == status
    assert str(error) not in answer.text
    assert ask(Gate(broken), "POST", "/gradio_api/queue/join", content=b"x").status_code == status


def test_the_log_has_a_request_s_route_but_not_its_path(caplog):
    async def fail(scope, receive, send):
        scope["route"] = SimpleNamespace(path="/gradio_api/file={path}")
        raise RuntimeError

    assert ask(Gate(fail), "GET", "/gradio_api/file=/tmp/secret.png").status_code == 400
    assert ask(Gate(page_without_route), "GET", "/secret.png").status_code == 400
    assert [record.getMessage() for record in caplog.records if record.name == "app.web.gate"] == [
        "A request to /gradio_api/file={path} could not be handled",
        "A request to no route could not be handled",
    ]


async def page_without_route(scope, receive, send):
    raise RuntimeError

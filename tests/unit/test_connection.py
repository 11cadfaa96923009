"""The client's connection to a server of Triton's protocol: TLS, headers, limits, deadlines, cancellation."""

import contextlib
import gc
import time
import weakref
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import grpc
import numpy as np
import pytest

from app.client import ConnectionOptions, Limit, RestorationClient, Tls
from app.client.addresses import Address
from app.codec import Photo
from app.errors import (
    CertificateError,
    DeadlineError,
    MessageSizeError,
    ModelGoneError,
    PhotoError,
    ServerError,
    ServerUnavailableError,
    UnknownQualityError,
    UnknownTaskError,
)
from app.pipeline.restore import follow
from tests.support.certificates import identities
from tests.support.dns import Zone, dns_server
from tests.support.files import png
from tests.support.processes import wait_until
from tests.support.replica import SCALE, TASK, TILE, Replica, serving

PIXELS = np.arange(100 * 75 * 3, dtype=np.uint8).reshape(100, 75, 3)
LARGER = PIXELS.repeat(SCALE, 0).repeat(SCALE, 1)
TILES = 12
DEADLINE_S = 0.5
LATE_S = 20  # well above the deadlines here, well below what requests may take


@pytest.fixture
def replica():
    with serving(Replica()) as replica:
        yield replica


@pytest.fixture
def client(replica):
    with RestorationClient(replica.address) as client:
        yield client


@pytest.fixture(scope="module")
def ours():
    return identities()


@pytest.fixture(scope="module")
def others():
    return identities()


@pytest.fixture(scope="module")
def secure(ours):
    """A server by TLS."""
    with serving(Replica(), ours.credentials()) as replica:
        yield replica


@pytest.fixture(scope="module")
def mutual(ours):
    """A server that asks for a client's certificate."""
    with serving(Replica(), ours.credentials(is_mutual=True)) as replica:
        yield replica


def by_tls(root, certificate=None, key=None, **options):
    return ConnectionOptions(tls=Tls(root, certificate, key), **options)


def test_a_photo_of_many_tiles_takes_one_call(client, replica):
    progress = []
    result = client.restore(PIXELS, TASK, progress=lambda done, total: progress.append((done, total)))
    assert np.array_equal(result.after.rgb, LARGER)
    assert progress == [(done, TILES) for done in range(TILES + 1)]
    assert result.usage is not None
    assert result.usage.requests == replica.inferences == TILES


def test_a_photo_may_be_pixels_or_a_file_or_its_content(client, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(png(PIXELS))
    for picture in (PIXELS, Photo(PIXELS), png(PIXELS), path):
        assert np.array_equal(client.restore(picture, TASK).after.rgb, LARGER)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (PIXELS.astype(np.float32), r"uint8 of shape \(H, W, 3\), RGB; these are float32"),
        (PIXELS[..., 0], r"uint8 of shape \(H, W, 3\), RGB; these are uint8 of \(100, 75\)"),
        (PIXELS[None], "uint8 of shape"),
        (PIXELS[..., :2], "uint8 of shape"),
        (PIXELS[:0], "damaged"),
        (np.broadcast_to(np.uint8(0), (5000, 5000, 3)), "24"),
        (b"no photo", "image"),
        ("photo.png", "this is str"),
    ],
)
def test_a_picture_that_is_none_is_refused_before_anything_is_sent(client, replica, picture, sentence):
    with pytest.raises(PhotoError, match=sentence) as refused:
        client.restore(picture, TASK)
    assert refused.value.status == "INVALID_ARGUMENT"
    assert replica.inferences == 0


def test_tiles_that_are_none_are_refused_before_anything_is_sent(client, replica):
    network = client.task(TASK).network()
    for pixels in (PIXELS.astype(np.int32), PIXELS[..., 0]):
        with pytest.raises(PhotoError, match="uint8 of shape"):
            client.submit(network, pixels)
        with pytest.raises(PhotoError, match="uint8 of shape"):
            client.descriptors(network, pixels, (0, 1, 0, 1))
    assert replica.inferences == 0


def test_a_tile_is_freed_with_its_last_reference(client):
    """What waits for the collector of cycles adds up: half a gigabyte for a photo of 247 tiles was seen."""
    network = client.task(TASK).network()
    gc.disable()
    try:
        future = client.submit(network, PIXELS[:TILE, :TILE])
        pixels = weakref.ref(future.result(LATE_S))
        del future
        wait_until(lambda: pixels() is None, LATE_S)  # gRPC's thread may still be at its end
    finally:
        gc.enable()


def test_what_does_not_exist_is_named(client):
    with pytest.raises(UnknownTaskError, match="colourise.*sr_x2") as unknown:
        client.restore(PIXELS, "colourise")
    assert unknown.value.status == "NOT_FOUND"
    with pytest.raises(UnknownQualityError, match="'quick'"):
        client.restore(PIXELS, TASK, "quick")
    gone = replace(client.task(TASK).network(), name="none")
    with pytest.raises(ModelGoneError) as refused:
        client.submit(gone, PIXELS[:TILE, :TILE]).result()
    assert refused.value.status == "NOT_FOUND"


def test_larger_messages_than_allowed_are_not_sent(replica):
    with RestorationClient(replica.address, ConnectionOptions(biggest_message_bytes=10_000)) as client:
        network = client.task(TASK).network()
        with pytest.raises(MessageSizeError, match=r"answer.*has 16,384 bytes.*at most 10,000 bytes") as refused:
            client.submit(network, PIXELS[:TILE, :TILE])
        with pytest.raises(MessageSizeError, match=r"request has 16,384 bytes"):
            client.submit(replace(network, scale=1), PIXELS[:64, :64])
        assert client.submit(network, PIXELS[:8, :8]).result().shape == (16, 16, 3)
    assert refused.value.status == "RESOURCE_EXHAUSTED"
    assert replica.inferences == 1


def test_a_task_is_read_once_in_a_while(client, replica, monkeypatch):
    client.restore(PIXELS, TASK)
    monkeypatch.setattr(client, "tasks", dict)
    client.restore(PIXELS, TASK)
    monkeypatch.setattr("app.client.sync.TASK_S", 0.0)
    with pytest.raises(UnknownTaskError):
        client.restore(PIXELS, TASK)


def test_headers_go_with_every_kind_of_call(replica):
    with RestorationClient(replica.address, ConnectionOptions(headers={"authorization": "Bearer x"})) as client:
        calls = (client.is_live, client.tasks, client.usage, lambda: client.restore(PIXELS[:8, :8], TASK))
        for call in calls:
            replica.headers = {}
            call()
            assert replica.headers["authorization"] == "Bearer x"
        assert "Bearer" not in repr(client.options)


def test_tls(secure, ours):
    with RestorationClient(secure.address, by_tls(ours.root)) as client:
        result = client.restore(PIXELS, TASK)
    assert np.array_equal(result.after.rgb, LARGER)
    assert result.usage is not None  # each replica's own connection is by TLS, too


def test_mutual_tls_with_several_addresses(mutual, secure, ours):
    with RestorationClient(f"{secure.address},{mutual.address}", by_tls(ours.root, *ours.client)) as client:
        before = secure.inferences, mutual.inferences
        assert np.array_equal(client.restore(PIXELS, TASK).after.rgb, LARGER)
    assert secure.inferences - before[0] == mutual.inferences - before[1] == TILES / 2


def test_the_name_in_the_certificate_may_be_another():
    named = identities("triton.example")
    with serving(Replica(), named.credentials()) as replica:
        with (
            RestorationClient(replica.address, by_tls(named.root)) as client,
            pytest.raises(CertificateError, match="[Hh]ostname"),
        ):
            client.restore(PIXELS, TASK)
        options = ConnectionOptions(tls=Tls(named.root, server_name="triton.example"))
        with RestorationClient(replica.address, options) as client:
            assert client.restore(PIXELS, TASK).usage is not None


def test_a_server_of_an_unknown_authority_is_not_trusted(secure, others):
    for tls in (Tls(others.root), Tls()):
        with (
            RestorationClient(secure.address, ConnectionOptions(tls=tls)) as client,
            pytest.raises(CertificateError, match="certificate is not accepted") as refused,
        ):
            client.restore(PIXELS, TASK)
        assert refused.value.status == "UNAVAILABLE"


def test_a_certificate_that_has_expired_is_not_accepted():
    late = identities(is_expired=True)
    with (
        serving(Replica(), late.credentials()) as replica,
        RestorationClient(replica.address, by_tls(late.root)) as client,
        pytest.raises(CertificateError, match=r"certificate is not accepted.*certificate has expired"),
    ):
        client.restore(PIXELS, TASK)
    assert replica.inferences == 0


def test_a_client_without_a_certificate_that_the_server_trusts_is_told(mutual, ours, others):
    for client_s in ((), others.client):
        with (
            RestorationClient(mutual.address, by_tls(ours.root, *client_s)) as client,
            pytest.raises(ServerUnavailableError, match=r"closes every connection.*client's certificate"),
        ):
            client.restore(PIXELS, TASK)


def test_tls_on_one_side_alone_is_told(replica, secure, ours):
    for address, options in ((secure.address, None), (replica.address, by_tls(ours.root))):
        with RestorationClient(address, options) as client, pytest.raises(ServerError, match="TLS|certificate"):
            client.restore(PIXELS, TASK)


def test_addresses_that_are_away_are_passed_over():
    with ExitStack() as stack:
        replicas = [stack.enter_context(serving(Replica())) for _ in range(2)]
        url = ",".join(["127.0.0.1:1", *(replica.address for replica in replicas)])
        client = stack.enter_context(RestorationClient(url))
        assert client.is_live()
        for _ in range(3):
            assert np.array_equal(client.restore(PIXELS, TASK).after.rgb, LARGER)
        assert min(replica.inferences for replica in replicas) >= TILES


def test_a_server_that_nobody_runs_is_not_live():
    with RestorationClient("127.0.0.1:1") as client:
        assert not client.is_live()


def test_a_replica_that_stops_hands_its_requests_to_the_others():
    with ExitStack() as stack:
        stopping, staying = (stack.enter_context(serving(Replica())) for _ in range(2))
        stopping.before = lambda number, call: call.abort(grpc.StatusCode.UNAVAILABLE, "Server is stopping")
        client = stack.enter_context(RestorationClient(f"{stopping.address},{staying.address}"))
        assert np.array_equal(client.restore(PIXELS, TASK).after.rgb, LARGER)
        assert staying.inferences == TILES
        assert stopping.inferences > 0


def test_requests_that_a_stopping_server_cancels_are_sent_again(client, replica):
    replica.before = lambda number, call: call.abort(grpc.StatusCode.CANCELLED, "") if number < 4 else None
    assert np.array_equal(client.restore(PIXELS, TASK).after.rgb, LARGER)


def test_closing_the_client_ends_its_requests(replica):
    replica.before = replica.hold
    with RestorationClient(replica.address) as client:
        answer = client.submit(client.task(TASK).network(), PIXELS[:TILE, :TILE])
    with pytest.raises(ServerError, match="Channel closed") as closed:
        answer.result(LATE_S)
    assert closed.value.status == "CANCELLED"


def test_a_server_that_comes_back_finishes_the_photo(replica):
    with RestorationClient(replica.address) as client:
        replica.before = lambda number, call: (
            call.abort(grpc.StatusCode.UNAVAILABLE, "Server is stopping") if number < 4 else None
        )
        assert np.array_equal(client.restore(PIXELS, TASK).after.rgb, LARGER)


def at_one_port(first, second):
    """Two replicas at different addresses of this machine, each of which ends with its stack."""
    for _ in range(20):
        replica = first.enter_context(serving(Replica(), address="127.0.0.2:0"))
        port = replica.address.partition(":")[2]
        with contextlib.suppress(RuntimeError):  # another program has the port at the second address
            return replica, second.enter_context(serving(Replica(), address=f"127.0.0.3:{port}"))
    raise AssertionError("no port is free at both addresses")


def test_a_pod_that_moves_while_a_photo_is_in_work_is_found(monkeypatch):
    with dns_server(Zone(["127.0.0.2"])) as zone, ExitStack() as first, ExitStack() as stack:
        monkeypatch.setattr(Address, "target", property(lambda address: f"dns://127.0.0.1:{zone.port}/{address}"))
        before, after = at_one_port(first, stack)

        def move(done, total):
            if done == 1:
                first.close()
                zone.addresses = ["127.0.0.3"]

        client = stack.enter_context(RestorationClient(f"dns:///pods.example:{after.address.partition(':')[2]}"))
        assert np.array_equal(client.restore(PIXELS, TASK, progress=move).after.rgb, LARGER)
    assert before.inferences > 0
    assert after.inferences > 0
    assert zone.questions > 2


def test_nobody_at_the_address_is_one_sentence():
    with (
        RestorationClient("127.0.0.1:1,no-such-host.invalid:8001") as client,
        pytest.raises(ServerUnavailableError, match="does not respond|no-such-host.invalid:8001 is unknown") as away,
    ):
        client.restore(PIXELS, TASK)
    assert away.value.status == "UNAVAILABLE"


def test_the_deadline_of_a_photo_ends_its_requests(client, replica):
    client.task(TASK)
    replica.before = replica.hold
    started = time.monotonic()
    with pytest.raises(DeadlineError, match=r"within its deadline of 0\.5 seconds") as late:
        client.restore(PIXELS, TASK, deadline_s=DEADLINE_S)
    assert DEADLINE_S <= time.monotonic() - started < LATE_S
    assert late.value.status == "DEADLINE_EXCEEDED"
    assert not replica.inferences or replica.ended.wait(LATE_S)  # the server knows, too


def test_the_deadline_of_a_photo_ends_its_wait_for_a_server(client, replica):
    client.task(TASK)
    replica.before = lambda number, call: call.abort(grpc.StatusCode.UNAVAILABLE, "Exceeds maximum queue size")
    started = time.monotonic()
    with pytest.raises(DeadlineError):
        client.restore(PIXELS, TASK, deadline_s=DEADLINE_S)
    assert time.monotonic() - started < LATE_S


def test_a_deadline_that_is_over_sends_nothing(client, replica):
    with pytest.raises(DeadlineError):
        client.restore(PIXELS, TASK, deadline_s=0)
    assert replica.headers == {}


def test_a_request_that_takes_too_long_is_no_deadline_of_the_photo(replica):
    replica.before = replica.hold
    with RestorationClient(replica.address, ConnectionOptions(timeout_s=0.2)) as client:
        answer = client.submit(client.task(TASK).network(), PIXELS[:TILE, :TILE])
        with pytest.raises(ServerUnavailableError, match="took too long") as slow:
            answer.result()
    assert slow.value.status == "DEADLINE_EXCEEDED"


def test_cancelling_a_limit_ends_a_photo(client, replica):
    client.task(TASK)
    replica.before = replica.hold
    limit = Limit()

    def cancel():
        wait_until(lambda: replica.inferences, LATE_S)
        limit.cancel()

    with ThreadPoolExecutor() as threads:
        cancelling = threads.submit(cancel)
        with pytest.raises(CancelledError):
            follow(client.steps(PIXELS, TASK, "fast", limit), lambda step: None)
        cancelling.result()
    assert replica.ended.wait(LATE_S)
    with pytest.raises(CancelledError):
        client.within(limit).submit(client.task(TASK).network(), PIXELS[:TILE, :TILE])


def test_progress_that_raises_ends_a_photo(client, replica):
    def stop(done, total):
        if done:
            wait_until(lambda: replica.inferences > 1, LATE_S)
            raise KeyboardInterrupt

    replica.before = lambda number, call: replica.hold(number, call) if number > 1 else None
    with pytest.raises(KeyboardInterrupt):
        client.restore(PIXELS, TASK, progress=stop)
    assert replica.ended.wait(LATE_S)

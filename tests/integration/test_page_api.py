"""The page's named event ``restore``, called as other programs call it."""

import base64
import io
import os
import re
import shutil
import signal
import zipfile
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
import skimage.data
from gradio_client import handle_file
from gradio_client.client import Job
from gradio_client.exceptions import AppError, ValidationError
from PIL import Image

from app import codec
from app.pipeline.chain import chain_steps
from app.pipeline.restore import restore, run
from app.tasks import Quality
from app.triton import REPOSITORY, Triton, embedded
from app.triton.guardian import processes_below
from app.web import limits
from din_model import TASKS, load_model
from din_model.data import evaluation_pairs
from din_model.evaluate import score_pair, score_pairs
from tests.support.files import png, read, read_bytes
from tests.support.mcp import call_tool
from tests.support.page_client import page_client
from tests.support.processes import IMPATIENT_PAGE, STARTUP_S, running_page, server_folder, wait_until
from tests.support.queue import upload
from tests.support.served import SHIPPED

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def api(page_url, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        connection = page_client(page_url, download_files=tmp_path_factory.mktemp("downloads"))
        yield connection
        connection.close()


@pytest.fixture
def photo(tmp_path, small_photo):
    path = tmp_path / "my photo.png"
    Image.fromarray(small_photo).save(path)
    return path


def message(error):
    return str(error.value).strip("'\"")


def test_restore_returns_the_picture_and_a_report(api, photo, small_photo, client):
    download, report = api.submit(handle_file(str(photo)), "sr_x4", api_name="/restore").result(60)
    assert np.array_equal(read(download), restore(png(small_photo), client.task("sr_x4"), client).after.rgb)
    assert Path(download).name == "my photo_sr_x4.png"
    assert (report["name"], report["task"], report["model"]) == ("my photo", "sr_x4", "din_sr_x4")
    assert (report["size"], report["tiles"], report["notices"]) == ("84×60 to 336×240 pixels", "1", [])


def test_restore_takes_quality_format_and_metadata(api, photo, small_photo, client):
    download, report = api.predict(handle_file(str(photo)), "sr_x4", "best", "webp", 100, False, api_name="/restore")
    assert Path(download).name == "my photo_sr_x4_best.webp"
    expected = restore(png(small_photo), client.task("sr_x4"), client, Quality.BEST).after.rgb
    assert np.array_equal(read(download), expected)
    assert report["network"].endswith("DIN+")
    assert (report["quality"], report["notices"]) == ("best", [])


def test_restore_takes_a_strength(api, photo, small_photo, client):
    restored = restore(png(small_photo), client.task("sr_x4"), client)
    for strength in (0, 60):
        download, _ = api.predict(handle_file(str(photo)), "sr_x4", strength=strength, api_name="/restore")
        assert Path(download).name == f"my photo_sr_x4_{strength}percent.png"
        assert np.array_equal(read(download), codec.blend(restored.before, restored.after, strength).rgb)
    archive, _ = api.predict([handle_file(str(photo))] * 2, "sr_x2", strength=0, api_name="/restore_batch")
    with zipfile.ZipFile(archive) as files:
        assert files.namelist() == ["my photo_sr_x2_0percent.png", "my photo_sr_x2_0percent_2.png"]
        assert np.array_equal(read_bytes(files.read(files.namelist()[0])), codec.enlarge(small_photo, 2))
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        api.predict(handle_file(str(photo)), "sr_x4", strength=101, api_name="/restore")


def test_restore_takes_a_chain(api, photo, small_photo, client):
    download, report = api.predict(handle_file(str(photo)), "derain_heavy,sr_x2", api_name="/restore")
    chain = (client.task("derain_heavy"), client.task("sr_x2"))
    expected = run(chain_steps(codec.decode(png(small_photo)), chain, client))
    assert Path(download).name == "my photo_derain_heavy_sr_x2.png"
    assert np.array_equal(read(download), expected.after.rgb)
    assert (report["task"], report["size"]) == ("derain_heavy,sr_x2", "84×60 to 168×120 pixels")
    assert (report["model"], report["tiles"]) == ("din_derain_heavy-tiles → din_sr_x2", "2")


def test_a_chain_has_limits_that_are_told_at_once(api, photo, tmp_path):
    Image.fromarray(np.zeros((3000, 3000, 3), np.uint8)).save(tmp_path / "large.png")
    with pytest.raises(ValidationError) as error:
        api.predict(handle_file(str(tmp_path / "large.png")), "sr_x2,derain_heavy", api_name="/restore")
    assert "photo: Before step 2 the photo would have 36 megapixels, above the limit of 24" in message(error)
    with pytest.raises(ValidationError) as error:
        api.predict(handle_file(str(photo)), "deblur,deblur,deblur,deblur,sr_x2", api_name="/restore")
    assert "task: The chain has 5 steps, above the limit of 4" in message(error)
    with pytest.raises(ValidationError) as error:
        api.predict(handle_file(str(photo)), "deblur,colourise", api_name="/restore")
    assert "task: There is no task 'colourise'" in message(error)


def test_a_tool_takes_a_chain(page_url, photo):
    inline = "data:image/png;base64," + base64.b64encode(photo.read_bytes()).decode()
    failed, told = call_tool(page_url, "restore", {"photo": inline, "task": "sr_x2,derain_light"})
    assert not failed, told


def test_former_names_work_with_a_notice(api, photo):
    name = next(name for name, (task, _) in SHIPPED.items() if name != task)
    _, report = api.predict(handle_file(str(photo)), name, "din", api_name="/restore")
    assert (report["task"], report["quality"]) == (SHIPPED[name][0], "finer")
    task = report["task"]
    assert report["notices"] == [f"Deprecated, removed in 0.6: use task {task} and quality finer."]


def test_an_unknown_quality_is_refused_at_once(api, photo):
    with pytest.raises(ValidationError, match="no quality 'great'; there are fast, finer, best"):
        api.predict(handle_file(str(photo)), "sr_x4", "great", api_name="/restore")


def test_batch_returns_a_zip_in_order_and_an_error_for_each_bad_file(api, photo, small_photo, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    photos = [handle_file(str(path)) for path in (photo, tmp_path / "bad.png", photo)]
    archive, reports = api.predict(photos, "sr_x2", file_format="tiff", api_name="/restore_batch")
    with zipfile.ZipFile(archive) as files:
        assert files.namelist() == ["my photo_sr_x2.tif", "my photo_sr_x2_2.tif"]
    assert [report["name"] for report in reports] == ["my photo", "bad", "my photo"]
    assert "not an image" in reports[1]["error"]
    assert "error" not in reports[0]


def test_tasks_are_listed_with_their_facts(api, client):
    listed = {task["name"]: task for task in api.predict(api_name="/tasks")}
    served = client.tasks()
    assert list(listed) == list(served)
    assert listed["sr_x4"]["scale"] == 4
    assert listed["derain_light"]["psnr"] == served["derain_light"].network().psnr
    for name, task in served.items():
        presets = {quality: facts["preset"] for quality, facts in listed[name]["qualities"].items()}
        assert presets == {quality.value: task.network(quality).preset for quality in task.qualities}


def test_openapi_and_mcp_describe_the_same_tools(page_url):
    paths = httpx.get(f"{page_url}/gradio_api/openapi.json").json()["paths"]
    called = {path.split("/")[-1] for path in paths if "/call/v2/" in path}
    assert {"judge", "restore", "restore_batch", "tasks"} <= called
    tools = {tool["name"]: tool for tool in httpx.get(f"{page_url}/gradio_api/mcp/schema").json()}
    assert set(tools) == {"judge", "restore", "restore_batch", "tasks"}
    for tool in tools.values():
        assert len(tool["description"]) > 60
    arguments = tools["restore"]["inputSchema"]["properties"]
    assert set(arguments) == {"photo", "task", "quality", "file_format", "percent", "metadata", "strength"}
    assert "sr_x4" in arguments["task"]["examples"]
    assert all(argument.get("description") for argument in arguments.values())


def test_concurrent_jobs_of_a_visitor_are_limited(api, page_url, tmp_path):
    path = tmp_path / "large.png"  # quick to upload, so that all jobs are there before the first one is done
    Image.new("RGB", (600, 600)).save(path)
    jobs = [api.submit(handle_file(str(path)), "sr_x4", api_name="/restore") for _ in range(limits.VISITOR_JOBS + 3)]
    told = []
    for job in jobs:
        try:
            job.result(240)
        except (AppError, ValidationError) as error:  # when its turn came, or before it was queued
            told.append(str(error))
    assert len(told) >= 1
    assert all(f"You already have {limits.VISITOR_JOBS} jobs waiting or running" in sentence for sentence in told)
    assert len(told) < len(jobs), "nobody was served"


def test_too_many_photos_are_refused_before_any_is_read(api, photo):
    photos = [handle_file(str(photo))] * (limits.MAX_PHOTOS + 1)
    with pytest.raises(ValidationError) as error:
        api.predict(photos, "sr_x4", api_name="/restore_batch")
    assert f"photos: {limits.MAX_PHOTOS + 1} photos exceed the limit of {limits.MAX_PHOTOS} at once" in message(error)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_a_download_scores_what_evaluation_scores(api, tmp_path, name):
    """The page restores as well as ``din_model.evaluate`` says: within 0.01 dB, for photos of a benchmark's size."""
    hq = getattr(skimage.data, name)()[:256, 100:356]
    folder = tmp_path / "hq"
    folder.mkdir()
    Image.fromarray(hq).save(folder / "photo.png")
    (pair,) = evaluation_pairs(TASKS["sr_x4"], folder, None)
    Image.fromarray(pair.lq).save(tmp_path / "lq.png")
    download, _ = api.predict(handle_file(str(tmp_path / "lq.png")), "sr_x4", api_name="/restore")
    (evaluated,) = score_pairs(TASKS["sr_x4"], [pair], load_model("sr_x4"))
    assert score_pair(TASKS["sr_x4"], pair, read(download)).psnr == pytest.approx(evaluated.psnr, abs=0.01)


def test_tile_progress_reaches_the_client(api, tmp_path):
    path = tmp_path / "large.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (420, 420, 3)).astype(np.uint8)).save(path)
    job = api.submit(handle_file(str(path)), "sr_x4", api_name="/restore")
    seen = set()
    while not job.done():
        for unit in job.status().progress_data or []:
            seen.add((unit.index, unit.length, unit.unit, unit.desc))
    assert job.result()[1]["tiles"] == "9"
    assert {(length, unit, desc) for _, length, unit, desc in seen} == {(9, "tiles", "Restoring")}
    assert len(seen) > 2


BAD_FILES = {
    "note.png": (b"this is no image", "The file is not an image that can be read"),
    "empty.png": (b"", "The file is empty"),
    "cut.png": (png(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))[:900], "damaged or cut"),
    "long.png": (png(np.zeros((10, 700_000, 3), np.uint8)), "above the limit of 96 megapixels"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_one_sentence(api, tmp_path, name):
    content, sentence = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises((ValidationError, AppError)) as error:  # by its header, or while it is decoded
        api.predict(handle_file(str(tmp_path / name)), "sr_x4", api_name="/restore")
    assert sentence in message(error)


def test_a_single_pixel_is_restored_with_a_notice(api, tmp_path):
    (tmp_path / "pixel.png").write_bytes(png(np.zeros((1, 1, 3), np.uint8)))
    download, report = api.predict(handle_file(str(tmp_path / "pixel.png")), "sr_x4", api_name="/restore")
    assert read(download).shape == (4, 4, 3)
    assert "only 1x1 pixels" in report["notices"][0]


def test_unknown_tasks_and_missing_photos_are_one_sentence(api, photo):
    with pytest.raises(ValidationError) as error:
        api.predict(handle_file(str(photo)), "colourise", api_name="/restore")
    assert "task: There is no task 'colourise': this server offers sr_x2" in message(error)
    with pytest.raises(ValidationError) as error:
        api.predict(None, "sr_x4", api_name="/restore")
    assert "photo: Choose a photo first." in message(error)


def call_rest(page_url, photo, **arguments):
    """The answer to a call of ``restore`` itself, not the events after it."""
    (uploaded,) = httpx.post(f"{page_url}/gradio_api/upload", files={"files": photo}).json()
    file = {"path": uploaded, "meta": {"_type": "gradio.FileData"}}
    call = {"photo": file, "task": "sr_x4", "quality": "fast", "file_format": "png", "percent": 92, "metadata": True}
    return httpx.post(f"{page_url}/gradio_api/call/v2/restore", json=call | arguments)


@pytest.mark.parametrize(
    ("size", "arguments", "argument", "sentence"),
    [
        ((2600, 2400), {}, "photo", "use a photo of at most 6 megapixels"),
        ((8, 8), {"task": None}, "task", "There is no task ''"),
    ],
)
def test_a_call_that_cannot_succeed_is_refused_at_once(page_url, size, arguments, argument, sentence):
    answer = call_rest(page_url, png(np.zeros((*size, 3), np.uint8)), **arguments)
    assert answer.status_code == 422
    (refused,) = [verdict for verdict in answer.json()["detail"] if not verdict["is_valid"]]
    assert refused["parameter_name"] == argument
    assert sentence in refused["message"]


def test_a_call_without_a_quality_in_percent_names_the_limits(page_url, small_photo):
    event = call_rest(page_url, png(small_photo), percent=None).json()["event_id"]
    told = httpx.get(f"{page_url}/gradio_api/call/restore/{event}", timeout=30).text
    assert "event: error" in told
    assert "The percent 0 is outside the range of 1 to 100." in told


def test_files_of_the_server_are_out_of_reach(page_url, photo):
    """The page reads uploads only."""
    data = [{"path": str(photo), "meta": {"_type": "gradio.FileData"}}, "sr_x4", "fast", "png", 92, True, 100]
    answer = httpx.post(f"{page_url}/gradio_api/call/restore", json={"data": data})
    assert answer.status_code == 400
    assert "This file has not been uploaded: send the photo itself." in answer.text
    assert str(photo.parent) not in answer.text


def test_a_tool_restores_a_photo_that_is_given_inline(page_url, photo, small_photo):
    inline = "data:image/png;base64," + base64.b64encode(photo.read_bytes()).decode()
    failed, told = call_tool(page_url, "restore", {"photo": inline, "task": "sr_x4"})
    assert not failed
    (address,) = re.findall(r"'url': '([^']+)'", told)
    restored = np.asarray(Image.open(io.BytesIO(httpx.get(address).content)))
    h, w = small_photo.shape[:2]
    assert restored.shape == (4 * h, 4 * w, 3)


def test_a_tool_restores_an_upload_by_its_address(page_url, photo):
    path = upload(page_url, photo.read_bytes())["path"]
    failed, told = call_tool(page_url, "restore", {"photo": f"{page_url}/gradio_api/file={path}", "task": "sr_x4"})
    assert not failed, told
    failed, told = call_tool(page_url, "restore", {"photo": f"{page_url}/gradio_api/file=/etc/passwd", "task": "sr_x4"})
    assert failed


def test_a_tool_restores_several_photos(page_url, photo):
    path = upload(page_url, photo.read_bytes())["path"]
    inline = "data:image/png;base64," + base64.b64encode(photo.read_bytes()).decode()
    photos = [f"{page_url}/gradio_api/file={path}", inline]
    failed, told = call_tool(page_url, "restore_batch", {"photos": photos, "task": "sr_x4"})
    assert not failed, told
    (address,) = re.findall(r"'url': '([^']+)'", told)
    with zipfile.ZipFile(io.BytesIO(httpx.get(address).content)) as archive:
        assert len(archive.namelist()) == 2


def test_photos_are_gone_after_the_stated_time_and_everything_with_the_page(triton, photo, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    with running_page("--triton-url", triton.url, program=("-c", IMPATIENT_PAGE), folder=folder) as (url, _):
        connection = page_client(url, download_files=False)
        connection.predict(handle_file(str(photo)), "sr_x4", api_name="/restore")
        connection.close()
        assert list(folder.rglob("my photo*.png"))
        inline = "data:image/png;base64," + base64.b64encode(photo.read_bytes()).decode()
        call_tool(url, "restore", {"photo": inline, "task": "sr_x4"})

        # What is left is what the page itself has restored to begin with.
        def with_files():
            return {Path(at).parent.name for at, _, names in os.walk(folder) if any("." in n for n in names)}

        wait_until(lambda: with_files() <= {"kept"}, 90)
        assert list(folder.iterdir()) != []
    assert list(folder.iterdir()) == []


def test_only_documented_events_are_public(api):
    endpoints = api.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {"/judge", "/restore", "/restore_batch", "/tasks"}


def test_a_photo_waits_for_a_triton_that_restarts(photo):
    """Triton stops while the page runs, and starts again on the same port: the photo is not lost."""
    first = Triton(embedded.launch())
    first.wait_ready()
    try:
        with running_page("--triton-url", first.url) as (url, _):
            connection = page_client(url, download_files=False)
            first.stop()
            job = connection.submit(handle_file(str(photo)), "sr_x4", api_name="/restore")
            wait_until(lambda: waits(job), STARTUP_S)
            with Triton(embedded.launch(), port=first.port) as second:
                second.wait_ready()
                assert job.result(STARTUP_S)
            connection.close()
    finally:
        first.stop()


def waits(job: Job) -> bool:
    """Return whether the progress of a job says that its photo waits."""
    progress = job.status().progress_data
    return bool(progress) and progress[-1].desc == "The server is restarting: your photo waits"


def test_a_damaged_model_is_reported_on_the_page_and_by_the_api(photo, tmp_path):
    repository = Path(shutil.copytree(REPOSITORY, tmp_path / "repository"))
    (repository / "din_sr_x4/1/model.pt").write_bytes(b"damaged")
    with Triton(embedded.launch(), repository) as own:
        own.wait_ready()
        with running_page("--triton-url", own.url) as (url, _):
            connection = page_client(url, download_files=False)
            with pytest.raises(ValidationError) as error:
                connection.predict(handle_file(str(photo)), "sr_x4", api_name="/restore")
            assert "task: The task sr_x4 is not available: its model file is missing or damaged." in message(error)
            told = [c["props"].get("value", "") for c in connection.config["components"] if c["type"] == "markdown"]
            assert any("The task sr_x4 is not available" in str(text) for text in told)
            connection.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_the_page_with_its_own_triton_ends_cleanly(number, tmp_path):
    with running_page(folder=tmp_path) as (url, process):
        connection = page_client(url, download_files=False)
        assert connection.view_api(return_format="dict", print_info=False)["named_endpoints"]
        connection.close()
        folder = server_folder(found.pid for found in processes_below(process.pid))
        assert psutil.Process(process.pid).memory_info().rss < 400e6
        process.send_signal(number)
        process.wait(30)
        assert "Traceback" not in process.said()
    assert list(tmp_path.iterdir()) == []
    wait_until(lambda: not list(Path("/dev/shm").glob(folder + "*")))
    assert not any(folder in p.read_text(errors="ignore") for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists())

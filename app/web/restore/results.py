"""What came of a photo: the pictures to compare, the file to keep, and what there is to say."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from app import codec
from app.codec import Output, Photo
from app.errors import RestorationError
from app.i18n import Text, say
from app.pipeline.reference_test import ReferenceTest, Score
from app.pipeline.restore import Restoration
from app.tasks import Quality, Task, file_suffix
from app.web import storage
from app.web.restore.choices import duration, task_label

MASTER = Output("png")  # what the lossless file is already


@dataclass(frozen=True)
class Picture:
    """One state of a photo, to be compared with others.

    Attributes:
        label: of the state.
        path: what is shown, no larger than browsers bear.
        size: (h, w) that it really has.
    """

    label: Text
    path: Path
    size: tuple[int, int]


@dataclass(frozen=True)
class Outcome:
    """What came of one photo.

    Attributes:
        name: of its file, without suffix.
        task: what it was restored for.
        quality: by which network, and whether as self-ensemble.
        pictures: its states, as it was first and restored last.
        master: the restored photo without loss; None if it was not restored.
        facts: what ran, as pairs of a name and a value.
        scores: of what was measured, by state.
        notices: about what the photo's file could not keep.
        error: why it was not restored.
    """

    name: str
    task: Task
    quality: Quality = Quality.FAST
    pictures: tuple[Picture, ...] = ()
    master: Path | None = None
    facts: tuple[tuple[Text, Text], ...] = ()
    scores: tuple[tuple[Text, Score], ...] = ()
    notices: tuple[Text, ...] = ()
    error: RestorationError | None = None


def state_label(task: Task, quality: Quality) -> Text:
    """The label of a restored photo beside others."""
    if quality is Quality.FAST or quality not in task.qualities:
        return task_label(task)
    return say(f"report.{quality}", task=task_label(task))


def show_before(photo: Photo, task: Task, folder: Path) -> Picture:
    """Writes a photo as it is compared with what the task makes of it: bicubically enlarged where that is larger."""
    h, w = photo.size
    size = h * task.scale, w * task.scale
    label = say("report.bicubic") if task.scale > 1 else say("report.before")
    return Picture(label, storage.save_preview(photo, size, folder / "before"), size)


def show_restored(result: Restoration, before: Picture, name: str, folder: Path) -> Outcome:
    """Writes what a restoration needs to be shown; there is no master yet."""
    after = Picture(
        state_label(result.task, result.quality),
        storage.save_preview(result.after, result.after.size, folder / "after"),
        result.after.size,
    )
    facts, notices = what_ran(result), result.after.notices
    return Outcome(name, result.task, result.quality, (before, after), facts=facts, notices=notices)


def show_reference_test(test: ReferenceTest, name: str, folder: Path) -> Outcome:
    """The same for a reference test, with the clean photo."""
    result = test.restoration
    outcome = show_restored(result, show_before(result.before, result.task, folder), name, folder)
    before, after = outcome.pictures
    path = storage.save_preview(test.clean, test.clean.size, folder / "clean")
    degraded = replace(before, label=say("report.degraded") if result.task.scale == 1 else say("report.bicubic"))
    scores = ((degraded.label, test.before), (after.label, test.after))
    clean = Picture(say("report.clean"), path, test.clean.size)
    return replace(outcome, pictures=(degraded, clean, after), scores=scores)


def keep_restored(shown: Outcome, photo: Photo, folder: Path) -> Outcome:
    """Writes the restored photo without loss: the outcome with its master."""
    master = folder / "restored.png"
    codec.save_png(photo, master)
    return replace(shown, master=master)


def what_ran(result: Restoration) -> tuple[tuple[Text, Text], ...]:
    """The facts of a restoration; Triton's own are means over a request."""
    network, usage = result.task.network(result.quality), result.usage
    (h, w), (rh, rw) = result.before.size, result.after.size
    facts = [
        ("report.size", say("report.sizes", before=f"{w}×{h}", after=f"{rw}×{rh}")),
        ("report.model", as_is(network.tiles_model)),
        ("report.network", as_is(f"{network.preset}{' · DIN+' if result.quality.self_ensemble else ''}")),
        ("report.precision", as_is(f"{network.precision} · {network.device}")),
        ("report.tiles", as_is(str(result.tiles))),
        ("report.seconds", as_is(duration(result.seconds))),
    ]
    if usage is not None and usage.requests:
        batches = ", ".join(f"{count} × {size}" for size, count in usage.batches.items())
        facts += [
            ("report.queue", as_is(f"{usage.queue_s / usage.requests * 1e3:.1f} ms")),
            ("report.compute", as_is(f"{usage.compute_s / usage.requests * 1e3:.0f} ms")),
            ("report.batches", as_is(batches)),
        ]
    return tuple((say(key), value) for key, value in facts)


def as_is(text: str) -> Text:
    return say("page.as_is", text=text)


def beside(earlier: Outcome | None, new: Outcome) -> Outcome:
    """The new outcome with the states of an earlier one of the same photo, so that tasks and qualities compare.

    A reference test stands alone: what it degraded is another photo.
    """
    if earlier is None or not earlier.pictures or earlier.scores or new.scores:
        return new
    labels = {str(new.pictures[-1].label)}
    kept = tuple(picture for picture in earlier.pictures[1:] if str(picture.label) not in labels)
    before = max(earlier.pictures[0], new.pictures[0], key=lambda picture: picture.size)
    return replace(new, pictures=(before, *kept, new.pictures[-1]))


def viewer_states(outcome: Outcome, language: str) -> list[dict[str, object]]:
    """The states of a photo as the viewer takes them."""
    return [viewer_state(picture, language) for picture in outcome.pictures]


def viewer_state(picture: Picture, language: str) -> dict[str, object]:
    """One state as the viewer takes it."""
    h, w = picture.size
    return {"label": picture.label.into(language), "src": storage.url(picture.path), "width": w, "height": h}


def save_as(outcomes: Iterable[Outcome], output: Output) -> tuple[Path | None, tuple[Text, ...]]:
    """Writes restored photos in the chosen format: one as it is, several as a ZIP in their order.

    Returns:
        The file to download, or None if nothing was restored, and what the format could not keep.

    Raises:
        PhotoError: the format cannot hold a photo of that size.
    """
    losses: list[Text] = []
    written: list[Path] = []
    folder = storage.new_folder()
    for outcome in outcomes:
        if outcome.master is None:
            continue
        path = unused(folder, codec.output_name(outcome.name, file_suffix(outcome.task.name, outcome.quality), output))
        losses += [loss for loss in write(outcome.master, path, output) if loss not in losses]
        written.append(path)
    if len(written) < 2:
        return (written[0] if written else None), tuple(losses)
    archive = folder / "restored.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:  # pictures do not get smaller
        for path in written:
            target.write(path, path.name)
            path.unlink()
    return archive, tuple(losses)


def write(master: Path, path: Path, output: Output) -> tuple[Text, ...]:
    """Writes a restored photo in a format; returns what that could not keep."""
    if output == MASTER:
        os.link(master, path)
        return ()
    photo = codec.reopen(master)
    path.write_bytes(codec.encode(photo, output))
    return codec.losses(photo, output)


def unused(folder: Path, name: str) -> Path:
    """That name in a folder, or with a number if it is taken."""
    path, number = folder / name, 2
    while path.exists():
        path = folder / f"{Path(name).stem}_{number}{Path(name).suffix}"
        number += 1
    return path

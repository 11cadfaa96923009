"""The outcome of a photo: pictures to compare, the restored file, scores, facts and notices."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from app import codec
from app.codec import Output, Photo
from app.errors import RestorationError
from app.i18n import Text, as_is, say
from app.pipeline.reference_test import ReferenceTest
from app.pipeline.restore import Restoration
from app.tasks import TaskRun, file_suffix
from app.web import storage
from app.web.labels import chain_label
from app.web.restore.change import change
from app.web.restore.choices import duration
from imaging.metrics import Score

MASTER = Output("png")  # the format of the master file


@dataclass(frozen=True)
class Picture:
    """One state of a photo in the comparison: before, restored, original.

    Attributes:
        label: name of the state.
        path: file to show, of at most ``storage.MAX_PREVIEW_PIXELS``.
        size: (h, w) at full resolution.
    """

    label: Text
    path: Path
    size: tuple[int, int]


@dataclass(frozen=True)
class Outcome:
    """The result of one photo.

    Attributes:
        name: stem of the photo's file name.
        runs: the tasks that were run one after the other, each with its quality.
        pictures: states to compare, from the input to the restored photo.
        original: lossless file of the input photo, to blend with; None if there is none yet.
        master: lossless file of the restored photo; None if there is none yet.
        facts: run-time facts as (name, value).
        change: what has changed from before, in a sentence.
        scores: (label, score) of each measured state of a reference test.
        notices: what was lost in decoding or processing.
        error: the reason why the photo was not restored, if it was not.
    """

    name: str
    runs: tuple[TaskRun, ...]
    pictures: tuple[Picture, ...] = ()
    original: Path | None = None
    master: Path | None = None
    facts: tuple[tuple[Text, Text], ...] = ()
    change: Text | None = None
    scores: tuple[tuple[Text, Score], ...] = ()
    notices: tuple[Text, ...] = ()
    error: RestorationError | None = None

    @property
    def files(self) -> list[Path]:
        """The stored files of the photo and of its result."""
        return [file for file in (self.original, self.master) if file is not None]


@dataclass(frozen=True)
class Before:
    """An input photo as it is stored: its preview, and its lossless file."""

    picture: Picture
    original: Path


def save_before(photo: Photo, scale: int, folder: Path) -> Before:
    """Write an input photo losslessly, and its preview at the size of the output, bicubically enlarged if need be."""
    h, w = photo.size
    size = h * scale, w * scale
    label = say("report.bicubic") if scale > 1 else say("report.before")
    picture = Picture(label, storage.save_preview(photo, size, folder / "before"), size)
    original = folder / "original.png"
    codec.save_png(photo, original)
    return Before(picture, original)


def preview_restored(
    result: Restoration, before: Before, name: str, folder: Path, earlier: tuple[TaskRun, ...] = ()
) -> Outcome:
    """Write the preview of a restored photo; return an outcome without a master file.

    Args:
        result: the restoration.
        before: the photo that the whole chain began with.
        name: stem of the photo's file name.
        folder: of the result.
        earlier: what had been run before.
    """
    runs = *earlier, *(TaskRun(step.task, step.quality) for step in result.each)
    after = Picture(
        chain_label(runs),
        storage.save_preview(result.after, result.after.size, folder / "after"),
        result.after.size,
    )
    changed = change(result.before, result.after)
    facts, notices = ((say("report.change"), changed), *run_facts(result)), result.after.notices
    pictures = before.picture, after
    return Outcome(name, runs, pictures, before.original, facts=facts, change=changed, notices=notices)


def preview_reference_test(test: ReferenceTest, name: str, folder: Path) -> Outcome:
    """Write the previews of a reference test, the clean photo included; return an outcome without a master file."""
    result = test.restoration
    outcome = preview_restored(result, save_before(result.before, result.task.scale, folder), name, folder)
    before, after = outcome.pictures
    path = storage.save_preview(test.clean, test.clean.size, folder / "clean")
    degraded = replace(before, label=say("report.degraded") if result.task.scale == 1 else say("report.bicubic"))
    scores = ((degraded.label, test.before), (after.label, test.after))
    clean = Picture(say("report.clean"), path, test.clean.size)
    return replace(outcome, pictures=(degraded, clean, after), scores=scores)


def save_master(shown: Outcome, photo: Photo, folder: Path) -> Outcome:
    """Write the restored photo losslessly; return the outcome with this master file."""
    master = folder / "restored.png"
    codec.save_png(photo, master)
    return replace(shown, master=master)


def run_facts(result: Restoration) -> tuple[tuple[Text, Text], ...]:
    """Return the run-time facts of a restoration as (name, value); queue and compute times are means per request."""
    networks, usage = [step.task.network(step.quality) for step in result.each], result.usage
    (h, w), (rh, rw) = result.before.size, result.after.size
    ensemble = " · DIN+" if result.quality.self_ensemble else ""
    facts = [
        ("report.size", say("report.sizes", before=f"{w}×{h}", after=f"{rw}×{rh}")),
        ("report.model", in_order(network.tiles_model for network in networks)),
        ("report.network", in_order(f"{network.preset}{ensemble}" for network in networks)),
        ("report.precision", in_order(f"{network.precision} · {network.device}" for network in networks)),
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


def in_order(values: Iterable[str]) -> Text:
    """Return the values of the tasks of a chain, or the one that all have."""
    return as_is(" → ".join(dict.fromkeys(values)))


def with_earlier_states(earlier: Outcome | None, new: Outcome) -> Outcome:
    """Add the states of an earlier outcome of the same photo, so that tasks and qualities can be compared.

    Outcomes of reference tests are never combined: their input is a degraded photo.
    """
    if earlier is None or not earlier.pictures or earlier.scores or new.scores:
        return new
    labels = {str(new.pictures[-1].label)}
    kept = tuple(picture for picture in earlier.pictures[1:] if str(picture.label) not in labels)
    before = max(earlier.pictures[0], new.pictures[0], key=lambda picture: picture.size)
    return replace(new, pictures=(before, *kept, new.pictures[-1]))


def viewer_states(outcome: Outcome, language: str, strength: int = codec.WHOLE) -> list[dict[str, object]]:
    """Return the states of an outcome as the properties that ``<din-compare>`` expects.

    Args:
        outcome: of a photo that was restored.
        language: tag of the visitor's language.
        strength: in percent: how much of its last state is seen.
    """
    *others, last = outcome.pictures
    if strength != codec.WHOLE and outcome.master is not None:
        with contextlib.suppress(RestorationError):  # the file to download cannot be written either, which is told
            last = blended_picture(outcome, strength)
    states = [viewer_state(picture, language) for picture in (*others, last)]
    if outcome.change is not None and strength == codec.WHOLE:
        states[-1]["change"] = outcome.change.into(language)
    return states


def blended_picture(outcome: Outcome, strength: int) -> Picture:
    """Write the preview of a restored photo that is blended with its input.

    Raises:
        PhotoError: its files have been deleted.
        StorageError: there is no room for the preview.
    """
    whole = outcome.pictures[-1]
    with storage.results_folder() as folder:
        path = storage.save_preview(read_result(outcome, strength), whole.size, folder / "blended")
    return replace(whole, label=say("report.strength", task=whole.label, percent=strength), path=path)


def read_original(outcome: Outcome) -> Photo:
    """Read the photo that a restored one was made of."""
    assert outcome.original is not None
    return codec.reopen(outcome.original)


def read_result(outcome: Outcome, strength: int = codec.WHOLE) -> Photo:
    """Read the stored result of a photo, blended with its input by a strength in percent."""
    assert outcome.master is not None
    after = codec.reopen(outcome.master)
    if strength == codec.WHOLE:
        return after
    return codec.blend(read_original(outcome), after, strength)


def viewer_state(picture: Picture, language: str) -> dict[str, object]:
    """Return a picture as one state of ``<din-compare>``."""
    h, w = picture.size
    return {"label": picture.label.into(language), "src": storage.url(picture.path), "width": w, "height": h}


def save_as(
    outcomes: Iterable[Outcome], output: Output, strength: int = codec.WHOLE
) -> tuple[Path | None, tuple[Text, ...]]:
    """Write restored photos in a format: a single one as a file, several as a ZIP archive, in order.

    Args:
        outcomes: of the photos; those without a result are left out.
        output: the format.
        strength: in percent: how much of the restorations is seen.

    Returns:
        The file to download, or None if nothing was restored, and the properties that the format could not store.

    Raises:
        PhotoError: the format cannot store a photo of that size, or the strength is out of range.
        StorageError: there is no room for the file.
    """
    codec.check_strength(strength)
    losses: list[Text] = []
    written: list[Path] = []
    with storage.results_folder() as folder:
        for outcome in outcomes:
            if outcome.master is None:
                continue
            suffix = "_".join(file_suffix(run.task.name, run.quality) for run in outcome.runs)
            name = codec.output_name(outcome.name, suffix, output, strength)
            path = unused_path(folder, name)
            losses += [loss for loss in write(outcome, path, output, strength) if loss not in losses]
            written.append(path)
        if len(written) < 2:
            return (written[0] if written else None), tuple(losses)
        archive = folder / "restored.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:  # the pictures are compressed already
            for path in written:
                target.write(path, path.name)
                path.unlink()
        return archive, tuple(losses)


def write(outcome: Outcome, path: Path, output: Output, strength: int) -> tuple[Text, ...]:
    """Write a restored photo in a format, by a strength in percent; return the properties that it could not store."""
    if output == MASTER and strength == codec.WHOLE:
        assert outcome.master is not None
        os.link(outcome.master, path)
        return ()
    photo = read_result(outcome, strength)
    path.write_bytes(codec.encode(photo, output))
    return codec.losses(photo, output)


def unused_path(folder: Path, name: str) -> Path:
    """Return the path of a name in a folder, numbered if the name is taken."""
    path, number = folder / name, 2
    while path.exists():
        path = folder / f"{Path(name).stem}_{number}{Path(name).suffix}"
        number += 1
    return path

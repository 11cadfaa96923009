"""The backend in an instance of a model: which failures are answers to a request, and which end the process."""

import sys
from types import SimpleNamespace

import pytest

from app.triton.embedded import BACKEND
from app.triton.process import LATE, Run
from tests.support.backend import load_part

INSTANCE = "din_a_0_0"


class Ended(BaseException):
    """In place of the end of the process."""


@pytest.fixture
def backend(monkeypatch):
    """The module as Triton's stub loads it."""
    errors = SimpleNamespace(INVALID_ARG="INVALID_ARG", INTERNAL="INTERNAL")
    triton = SimpleNamespace(
        TritonError=type("TritonError", (), {"__new__": lambda _, reason, status: (status, reason), **vars(errors)}),
        InferenceResponse=lambda error: error,
    )
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", triton)
    monkeypatch.syspath_prepend(BACKEND)
    return load_part("model")


@pytest.fixture
def fail(backend, tmp_path, monkeypatch):
    """Send a request to an instance whose network fails with an error; returns the answers."""

    def exit_with(code):
        raise Ended(code)

    monkeypatch.setattr(backend.os, "_exit", exit_with)

    def send(error, is_waiting=True):
        def raise_error(*_):
            raise error

        model = backend.TritonPythonModel()
        model.name, model.device, model.inputs, model.outputs = INSTANCE, "cpu", [], []
        model.network, model.parent = raise_error, SimpleNamespace(is_waiting=lambda: is_waiting)
        with (tmp_path / "note").open("wb", buffering=0) as model.note:
            return model.execute([SimpleNamespace(inputs=list)])

    return send


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Traceback\nbuiltins.ValueError: lq has no pixels", ("INVALID_ARG", "lq has no pixels")),
        ("DefaultCPUAllocator: can't allocate memory", ("INTERNAL", "DefaultCPUAllocator: can't allocate memory")),
        ("CUDA out of memory", ("INTERNAL", "CUDA out of memory")),
        ("?", ("INTERNAL", "?")),
    ],
)
def test_a_failure_that_concerns_a_request_is_its_answer(fail, said, answer):
    assert fail(RuntimeError(said)) == [answer]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "MemoryError"),
        (RuntimeError("std::bad_alloc"), "std::bad_alloc"),
        (RuntimeError("builtins.RuntimeError: could not create a primitive"), "could not create a primitive"),
    ],
)
def test_a_failure_that_lasts_ends_the_process_with_its_reason(fail, capsys, tmp_path, error, reason):
    with pytest.raises(Ended):
        fail(error)
    (tmp_path / "log").write_text(capsys.readouterr().err)
    with (tmp_path / "log").open("rb") as log:
        assert Run(guardian=None, folder=tmp_path, log=log).reasons([INSTANCE]) == [reason]


def test_an_answer_that_triton_does_not_wait_for_ends_the_process(fail, capsys):
    with pytest.raises(Ended):
        fail(RuntimeError("?"), is_waiting=False)
    assert capsys.readouterr().err == f"error: {INSTANCE} ends: {LATE}\n"


class Unimportable:
    """Has the import of torch fail."""

    def __init__(self, error):
        self.error = error

    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise self.error


def test_a_torch_that_is_imported_in_part_ends_the_process(backend, fail, monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Unimportable(ImportError("failed to map segment")), *sys.meta_path])
    with pytest.raises(backend.BrokenError, match="failed to map segment") as broken:
        backend.Network(tmp_path, "cpu", 1)
    with pytest.raises(Ended):
        fail(broken.value)


def test_a_torch_that_is_not_there_is_told_to_the_caller(backend, fail, monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Unimportable(ModuleNotFoundError("No torch")), *sys.meta_path])
    with pytest.raises(ModuleNotFoundError) as missing:
        backend.Network(tmp_path, "cpu", 1)
    assert fail(missing.value) == [("INTERNAL", "No torch")]

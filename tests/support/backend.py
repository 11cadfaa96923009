"""The parts of the embedded Triton's backend, as its stub loads them: by their files, for they are no package."""

import importlib.util
from types import ModuleType

from app.triton.embedded import BACKEND


def load_part(name: str) -> ModuleType:
    """Load a file of the backend anew."""
    spec = importlib.util.spec_from_file_location(name, BACKEND / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

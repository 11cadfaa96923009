"""The extras of the package: what commands need that the client does without."""

from __future__ import annotations

# The smallest extra that has a module, by the module's name; pyproject.toml has what each extra installs.
EXTRAS = {
    "gradio": "page",
    "jinja2": "page",
    "prometheus_client": "page",
    "torch": "model",
    "safetensors": "model",
    "huggingface_hub": "model",
    "google": "model",
    "psutil": "demo",
    "pytriton": "demo",
    "ray": "ray",
    "accelerate": "train",
    "opentelemetry": "tracing",
}


def missing(name: str) -> str:
    """Return a sentence about a module that is not installed: which extra has it.

    Args:
        name: of the module; a key of :data:`EXTRAS`.
    """
    return f"This needs {name}, which is not installed: pip install 'din[{EXTRAS[name]}]'"


def explain(error: ModuleNotFoundError) -> str:
    """Return a sentence about a failed import: which extra has the module.

    Raises:
        ModuleNotFoundError: the error itself; the module is of no extra.
    """
    name = (error.name or "").partition(".")[0]
    if name not in EXTRAS:
        raise error
    return missing(name)

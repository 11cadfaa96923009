"""The Python client of a Triton that serves DIN; the only package that imports tritonclient.

It needs neither torch nor Gradio, and can be used on its own::

    with RestorationClient("127.0.0.1:8001") as client:
        restored = client.restore(Path("photo.png"), "sr_x4", deadline_s=60).after.rgb

and in an event loop::

    async with AsyncRestorationClient("127.0.0.1:8001") as client:
        restored = (await client.restore(Path("photo.png"), "sr_x4", deadline_s=60)).after.rgb
"""

from app.client.aio import AsyncRestorationClient
from app.client.explain import WITHDRAWN_MODEL, explain, unavailable
from app.client.limit import Limit
from app.client.options import ConnectionOptions, Tls, read_headers, read_tls
from app.client.picture import Picture
from app.client.sync import Priority, RestorationClient
from app.client.tensors import infer_input, tile_inputs

__all__ = [
    "WITHDRAWN_MODEL",
    "AsyncRestorationClient",
    "ConnectionOptions",
    "Limit",
    "Picture",
    "Priority",
    "RestorationClient",
    "Tls",
    "explain",
    "infer_input",
    "read_headers",
    "read_tls",
    "tile_inputs",
    "unavailable",
]

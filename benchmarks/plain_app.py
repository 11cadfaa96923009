"""A plain Gradio demo, the baseline of ``benchmarks/serving.py``: ``python -m benchmarks.plain_app --port P [--bf16]``.

The network runs in Gradio's process, in eager mode and on the whole photo, with Gradio's default settings. The results
are those of the page, two PNG files encoded by the same code: the photo enlarged and the photo restored.
"""

import argparse
import tempfile
from pathlib import Path

import gradio as gr
import torch

from app import codec
from app.codec import Pixels
from din_model import load_model
from din_model.network import global_skip

TASK, SCALE = "sr_x4", 4


def build_demo(dtype: torch.dtype) -> gr.Interface:
    """Build an interface from a photo to the comparison, with the API name ``restore`` as that of the page."""
    model = load_model(TASK).to(dtype)

    def restore(photo: Pixels) -> tuple[str, str]:
        with torch.inference_mode():
            x = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
            # As in the page, only the body is in dtype: PyTorch cannot enlarge bfloat16 on a CPU.
            y = model.residual(x.to(dtype)).float() + global_skip(x, model.config)
            restored = (y[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
        return save_png("before", codec.enlarge(photo, SCALE)), save_png("after", restored)

    return gr.Interface(restore, gr.Image(), gr.ImageSlider(), api_name="restore", flagging_mode="never")


def save_png(name: str, pixels: codec.Pixels) -> str:
    """Write a PNG to a new folder; return its path."""
    path = Path(tempfile.mkdtemp(dir=gr.utils.get_upload_folder())) / f"{name}.png"
    path.write_bytes(codec.encode_png(codec.Photo(pixels)))
    return str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bf16", action="store_true", help="bfloat16 instead of float32")
    args = parser.parse_args()
    demo = build_demo(torch.bfloat16 if args.bf16 else torch.float32)
    Path(gr.utils.get_upload_folder()).mkdir(parents=True, exist_ok=True)
    demo.launch(server_port=args.port, prevent_thread_lock=True, quiet=True)
    print(f"The page is at http://127.0.0.1:{args.port}", flush=True)
    demo.block_thread()


if __name__ == "__main__":
    main()

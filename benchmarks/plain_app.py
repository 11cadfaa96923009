"""The usual demo, for ``benchmarks/serving.py`` to compare: ``python -m benchmarks.plain_app --port P [--bf16]``.

The network runs in Gradio's own process, eager and on the whole photo, and every setting is Gradio's default. What a
visitor gets is what the page gives, two PNG files encoded by the same code: the photo enlarged and the photo restored.
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
    """A photo in, the comparison out; its event is named ``restore`` as the page's is."""
    model = load_model(TASK).to(dtype)

    def restore(photo: Pixels) -> tuple[str, str]:
        with torch.inference_mode():
            x = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
            # DIN.forward with the body alone in dtype: PyTorch enlarges no bfloat16 on a CPU, and the page does so too.
            y = model.residual(x.to(dtype)).float() + global_skip(x, model.config)
            restored = (y[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
        return save_png("before", codec.enlarge(photo, SCALE)), save_png("after", restored)

    return gr.Interface(restore, gr.Image(), gr.ImageSlider(), api_name="restore", flagging_mode="never")


def save_png(name: str, pixels: codec.Pixels) -> str:
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

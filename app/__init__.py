"""The demo: a Gradio page and a command line that use Triton over gRPC. Never imports torch."""

"""The demo and its service: a Gradio page and a command line in front of Triton. Never imports torch."""

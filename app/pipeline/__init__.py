"""The restoration pipeline: tiling, requests to Triton, stitching, time estimates and the reference test."""

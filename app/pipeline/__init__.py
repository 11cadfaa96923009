"""From a decoded photo to a restored one: tiles, requests to Triton, stitching, and the expected time."""

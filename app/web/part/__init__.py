"""A part of a photo first: the visitor chooses a square of it, and sees that restored before asking for the whole."""

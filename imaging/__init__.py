"""Degradations and metrics of the paper in plain NumPy, for training and for the page."""

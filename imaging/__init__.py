"""How photos come to be degraded, and how far two are apart, as the paper has it: plain NumPy, for both sides."""

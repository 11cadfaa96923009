"""The server tab: Triton's counters."""

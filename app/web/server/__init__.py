"""The tab that shows Triton's counters."""

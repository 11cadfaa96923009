"""Programs that measure the figures of docs/performance.md and docs/experiments.md."""

"""The tab that restores photos."""

"""The tab where photos are restored."""

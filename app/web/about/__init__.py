"""The tab about the network and its results."""

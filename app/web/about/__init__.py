"""The about tab: the network, its results, privacy and limits."""

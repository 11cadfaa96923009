"""The full-screen show of before and after for a booth."""

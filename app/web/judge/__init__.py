"""What does my photo need? The judgement of a photo on the page, and in its API."""

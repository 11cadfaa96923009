"""Kiosk mode: a full-screen slideshow of photos before and after restoration, with a camera."""

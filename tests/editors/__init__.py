"""Real editors, headless, with the real server."""

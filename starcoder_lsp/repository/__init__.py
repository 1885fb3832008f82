"""What the neighbouring files know: facts of each, an index, and what of it belongs in front of a prompt."""

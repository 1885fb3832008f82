"""Helix."""

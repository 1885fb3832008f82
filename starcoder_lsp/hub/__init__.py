"""Bringing models onto this machine: only when a person asks for one, by name, and has seen its licence."""

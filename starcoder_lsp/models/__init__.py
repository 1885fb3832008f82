"""The model that ships with the program, and finding others by name."""

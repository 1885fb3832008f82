"""JetBrains: the LSP4IJ template."""

"""Emacs: lsp-mode and eglot."""

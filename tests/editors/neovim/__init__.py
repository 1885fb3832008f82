"""Neovim: the plugin in editors/neovim, and its lsp/ file alone."""

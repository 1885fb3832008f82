"""Programs that measure starcoder-lsp, and the random-weight models they measure it with."""

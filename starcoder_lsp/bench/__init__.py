"""What `starcoder-lsp bench` measures; see docs/keystrokes.md."""

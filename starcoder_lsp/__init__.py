"""starcoder-lsp: inline code completion from a StarCoder-family model on the user's own machine."""

__version__ = "0.1.0"

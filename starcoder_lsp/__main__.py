"""`python -m starcoder_lsp` is `starcoder-lsp`."""

from starcoder_lsp.cli import main

if __name__ == "__main__":
    main()

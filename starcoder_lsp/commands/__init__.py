"""The subcommands of `starcoder-lsp`, one file each: `configure(parser)` and `run(arguments) -> status`."""

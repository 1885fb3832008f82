"""LSP in, LSP out: the only home of pygls. Converts and delegates, decides nothing."""

"""Token ids in, token ids out: the engine protocol and its back ends. Knows no files but weights, and no documents."""

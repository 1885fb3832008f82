"""Text to token ids: tokenizers of GGUF and GGML vocabularies, and where a prompt may be cut."""

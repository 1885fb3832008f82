"""The GGML container of 2023, which ctransformers reads: header, tensors, vocabulary."""

"""How the shipped model, nano, is made: corpus, tokenizer, training, export, evaluation (see README.md)."""

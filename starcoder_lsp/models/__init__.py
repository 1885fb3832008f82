"""Model files: their headers and vocabularies, the memory they need, finding them by name; the model that ships."""

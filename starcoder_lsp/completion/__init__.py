"""One suggestion, from cursor to text. Pure: no I/O, no threads, no clock of its own."""

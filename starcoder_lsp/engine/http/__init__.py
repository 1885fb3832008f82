"""Engines behind HTTP: the only room that opens a connection, and only to the address that the user wrote.

    server ──bytes──▶ transport ──bytes──▶ dialect (pure) ──events──▶ token_engine / text_engine

A dialect is one file: the body of a request, and a parser of what comes back. `detect` asks a server which one it
speaks. Nothing here knows documents; keys are read in `keys`, shown nowhere.
"""

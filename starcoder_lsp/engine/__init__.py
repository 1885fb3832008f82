"""Tokens in, tokens out: the engine protocol, its back ends, and the thread that owns one."""

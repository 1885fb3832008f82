"""One engine process for all windows of a user: the first window starts it, others join, it ends when none is left.

A window keeps its tokenizer, its prompts and its plans; only ids cross. `client` is the engine that a window sees,
`host` is the process, `joining` brings them together at a `place`; `messages`, `greeting` and `slots` are pure.
"""

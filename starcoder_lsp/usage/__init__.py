"""What helped, counted on this machine only: counts and times of suggestions, never their text, never a path.

`life` and `follow` are pure: what became of one suggestion, and where an accepted text went. `watch` connects them to a
session on the event loop's thread; `writer` and `store` keep the counts on a thread of their own.
"""

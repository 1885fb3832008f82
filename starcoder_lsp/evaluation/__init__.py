"""How often suggestions are right: benchmarks run through the same prompt, stop and refine as the server's."""

"""Compiled forms of what ops.py says in PyTorch; each optional, each checked against it before it is used."""

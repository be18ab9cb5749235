"""Shards -> loss: a small decoder is trained on the token shards to prove that they can be read and learned from."""

"""Cleaning steps before any rule measures the text: one module per step, each column -> column."""

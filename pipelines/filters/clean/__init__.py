"""What is mended in a text before any rule measures it: one module per step, each column -> column."""

"""The weights of models: which are on this machine, and how they come and go. Imports neither torch nor Django."""

"""Workshop of the nano model: draws its world, trains its parts, exports a diffusers folder and measures it."""

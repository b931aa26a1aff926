"""How a film is computed."""

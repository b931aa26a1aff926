"""How the portraits of the presenters are drawn: a head as a smooth surface, its light, hair, clothes and a room."""

"""Lays mosaics: a toy engine, of a kind that no other engine has."""

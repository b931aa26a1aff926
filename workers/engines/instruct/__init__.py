"""Prompts written by the shot grammar's rules, or by an instruct model whose answer is a shot."""

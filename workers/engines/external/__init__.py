"""Engines that run in an environment of their own, as a process that is spoken to in lines of JSON."""

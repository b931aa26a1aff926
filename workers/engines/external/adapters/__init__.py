"""What speaks the protocol for engines whose makers' scripts do not: one module each, started as a process."""

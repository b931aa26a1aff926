"""What workers can do: one module a task."""

"""Several processes that share one film."""

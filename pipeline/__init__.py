"""What the system knows: policy, store, limits, providers, stages."""

"""Topics, groups and instances: how they are got, changed, and known to the hot path."""

"""Measures the product beside its physical limits and its nearest peer, in one run on one machine. Quote ratios."""

"""Synthetic data to show the portal with: drawn clips, no people."""

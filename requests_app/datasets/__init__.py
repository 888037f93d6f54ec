"""Datasets, their releases and files, and the card that describes a dataset."""

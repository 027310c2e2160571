"""Comparing the mirror with the API by a way of its own: nothing here uses what loading uses."""

"""The mirror against what the API serves, compared by a path of its own.

Nothing here knows how the product maps or stores: the API is read with a client of a page's length, the
mirror with another driver, and what must stand where is written down by hand in `contract`.
"""

"""The benchmark: `python3 dev.py bench`. It imports the product, the product never imports it."""

"""A long soak of the service on demand, `python3 dev.py soak`, and its small version in the suite."""

"""Convergence: whatever an account and the API do, and whenever the process dies, two undisturbed runs make the
mirror what the API serves; and nothing half-written is ever visible in between.

A hypothesis state machine (`machine`) changes simulated accounts (`changes`), lets the API fail and runs the product
(`process`) on an event loop of its own, whose time jumps instead of passing (`moving_time`) and which can be left
between any two steps: ended by cancelling, killed without a word, or frozen and woken later. After every commit
another connection looks at the whole mirror (`watcher`) and compares it with everything that the accounts have ever
been (`history`); what the product says of how far it has read and of what is missing is held against the lists
(`claims`, `lists`), each deletion against what was sent (`evidence`, `rules`), each green run against the accounts
(`honesty`). The end is compared by `tests.truth`, which knows nothing of the product.
"""

"""Compares the mirror with the API by its own way: it uses nothing that loading uses.

It reads rows as PostgreSQL writes them in JSON, and compares them with the API's records. It reads each difference
again on both sides before it reports it. The lease keeps the mirror unchanged meanwhile. The loader's hash serves one
purpose: to tell a damaged row from a change of the API, where a record has no `updated_at`.
"""

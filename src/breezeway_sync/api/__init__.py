"""The Breezeway API over HTTP: transport, tokens, pacing, retries, pages. Knows no PostgreSQL."""

"""`python -m breezeway_sync` is the command `breezeway-sync`."""

from breezeway_sync.cli.main import main

main()

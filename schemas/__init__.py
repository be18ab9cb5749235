"""What flows through corpusmill and what is asked of it: hops, recipes, ledger, manifest, errors."""

"""The data that flows through corpusmill and the files that describe a run: hops, recipes, ledger, manifest, errors."""

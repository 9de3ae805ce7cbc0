"""What knows nothing of neurons: errors, files, tables, progress. Imports nothing else of the package."""

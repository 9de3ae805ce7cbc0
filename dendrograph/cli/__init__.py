"""The command line: one module for each family of commands. A command reads its options, calls the package, prints."""

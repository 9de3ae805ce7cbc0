"""What trained networks do: the parts of `dendrograph.analyse`, each measure with its formula and source."""

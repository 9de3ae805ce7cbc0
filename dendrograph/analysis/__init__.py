"""What trained networks do: the parts of `dendrograph.analysis.analyse`, each measure with its formula and source."""

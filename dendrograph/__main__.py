"""`python -m dendrograph` is `dendrograph`."""

from dendrograph.cli import main

if __name__ == "__main__":
    main()

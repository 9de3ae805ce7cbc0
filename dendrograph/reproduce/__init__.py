"""The experiments of Chavlis & Poirazi (Nature Communications 2025) again, with fair controls, and continual learning.

    experiments.py  what is run, and into which groups its runs fall
    products.py     tables and figures of finished runs
    page.py         a page of results, whose tables are filled in
    records.py      what is kept of run folders beside a page
    reproducing.py  all of it, in order

The sweep files lie in examples/reproduce/, a folder for each scale.
"""

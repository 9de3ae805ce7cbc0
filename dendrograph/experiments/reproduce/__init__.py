"""The experiments of Chavlis & Poirazi (Nature Communications 2025) again, with fair controls, and continual learning.

    experiments.py  what is run, and into which groups its runs fall
    products.py     tables and figures of finished runs
    page.py         a page of results, whose tables are filled in
    records.py      what is kept of run folders beside a page
    reproducing.py  all of it, in order

The sweep files lie in examples/reproduce/, a folder for each scale.
"""

SCALES = {  # what each is
    "smoke": "scikit-learn's digits, two seeds, few epochs (minutes); it shows that all runs, and is no result",
    "small": "Fashion-MNIST and MNIST, five to ten seeds, fewer sizes and epochs than the paper (hours on two cores)",
    "full": "the paper's data sets, sizes and epochs, five seeds or more (work for a cluster)",
}

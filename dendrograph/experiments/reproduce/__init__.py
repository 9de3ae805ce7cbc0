"""The experiments of Chavlis & Poirazi (Nature Communications 2025), with fair controls and continual learning.

The sweep files are in examples/reproduce, one folder for each scale.
"""

SCALES = {
    "smoke": "scikit-learn's digits, two seeds, few epochs (minutes); it only shows that everything runs",
    "small": "Fashion-MNIST and MNIST, five to ten seeds, fewer sizes and epochs than the paper (hours on two cores)",
    "full": "the paper's data sets, sizes and epochs, five seeds or more (work for a cluster)",
}

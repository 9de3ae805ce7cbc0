"""Sweeps: many trainings from one file, validated before anything runs, on all cores or on a cluster.

language.py    the file, as runs: one training each
runs.py       a run, and how it is trained into its run folder
folder.py      what a sweep leaves on disk
cost.py        what it will cost, from timed steps
jobs.py        runs that one worker trains together
workers.py     the processes that work: on this machine by pipes, on a cluster by dask.distributed
interrupts.py  the stop of a batch system, answered as Ctrl-C is
display.py     what is shown meanwhile
sweeping.py    all of it, in order
"""

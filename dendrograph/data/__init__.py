"""What a network learns from: data sets, their files, splits, batches and tasks."""

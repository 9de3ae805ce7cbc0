"""What a network learns from: data sets, their splits, batches and tasks."""

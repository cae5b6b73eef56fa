"""Batch jobs: a YAML file says what to make, shards are made by one process, many, or a cluster."""

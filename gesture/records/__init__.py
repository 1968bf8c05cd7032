"""Tfrecords: schema, shards, index, order, batches."""

"""Step 2: raw recordings become tfrecords with an index."""

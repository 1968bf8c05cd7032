"""Step 1: raw files and weights, downloaded, unpacked and checked."""

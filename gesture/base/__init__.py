"""What every room stands on: errors, files, leases, text; nothing of ours is imported here, nor NumPy."""

"""What every other room stands on: files, errors, and the machine that a process computes on."""

"""A strict fake of IBM Spectrum LSF 10.1 on one machine: real processes, a clock and faults that tests control.

Written from the public command reference; no IBM software was at hand. `Cluster` is what tests import; the commands
(`bsub`, `bjobs`, ...) are links to `bin/fake`. All state is in the folder named by the environment variable FAKE_LSF.
"""

"""LSF and Slurm: what they are asked, and what their answers mean."""

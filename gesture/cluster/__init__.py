"""What is asked of schedulers, GPUs and file systems before and while jobs run; standard library and PyYAML only."""

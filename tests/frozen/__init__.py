"""What the project's results are today, held as values: see CONTRIBUTING.md, "Frozen values"."""

"""One module a subcommand: its flags and what it calls."""

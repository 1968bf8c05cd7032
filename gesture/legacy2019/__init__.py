"""The program of 2019: its weights, records, batches and soft labels."""

"""The networks: their settings, what they cost, and in `layers` what they are made of."""

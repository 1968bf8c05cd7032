"""Step 3: one stage of one member in one session, with exact resume."""

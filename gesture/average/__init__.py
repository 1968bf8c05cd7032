"""Step 5: the members' softmaxes become one."""

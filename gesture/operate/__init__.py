"""What people run beside the workflow: is this machine fit, how far is it, what will it cost."""

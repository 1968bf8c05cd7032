"""What people ask between the steps: plan, doctor, status, cancel, clean, reproduce."""

"""What users would pick instead, measured the same way on the same server; each called as its own documentation says."""

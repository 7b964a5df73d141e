"""What mends a finding: lines of torch, and a rerun that shows whether they do."""

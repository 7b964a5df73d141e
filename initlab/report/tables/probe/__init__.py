"""What a probe found as a person reads it: findings, the trunk as a table, what was not seen."""

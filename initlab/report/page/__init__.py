"""The report: one HTML page that a person can explore, and that needs nothing but itself."""

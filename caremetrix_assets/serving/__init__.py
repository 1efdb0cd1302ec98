"""What other programs see: SQL over the lake, its tables in Athena, documentation and reports."""

"""What other programs see: SQL over the lake. Registration in Glue, documentation and reports belong here too."""

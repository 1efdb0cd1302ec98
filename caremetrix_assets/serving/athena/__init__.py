"""The lake in Athena: what a table is there (``definition``), as DDL text (``ddl``), as entries of the Glue catalog
(``glue``, ``sync``), and what differs between the three (``compare``, ``verify``).
"""

"""The practice simulator: from Synthea drops to the practice feed that Synthea does not know. Plain Python and DuckDB SQL.

``run`` is the entry; ``parameters`` reads and checks what may be set, ``state`` reads the drops, ``feed`` runs the SQL of
``sql/``, ``output`` writes the files. Nothing here reads a lake, the clock or a random generator.
"""

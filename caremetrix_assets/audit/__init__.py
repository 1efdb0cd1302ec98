"""Evaluates a contract's rules on a staged result: expectations, SQL rules, results, grades. Nothing here knows Dagster."""

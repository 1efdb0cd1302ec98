select partition_date, period_grain, period_start from shared_periods where period_grain <> 'day'

-- Days at which receivables are aged: the days to build and 30 days before each.
select partition_date as as_of_date from run_dates
union distinct
select cast(partition_date - interval 30 day as date) from run_dates

-- Words that all processes share. window_start(), start_date(), end_date() and one macro per parameter are made before.

-- A number in [0, 1) that depends on seed, purpose and id only.
create macro u(id, purpose) as
    cast(md5_number_lower(getvariable('seed') || '|' || purpose || '|' || id) >> 32 as double) / 4294967296.0;

-- Ids do not depend on the seed: another seed changes rows instead of adding others.
create macro id_of(what, id) as md5('simulated ' || what || '|' || id);

-- Minutes after midnight of a day.
create macro at_minute(a_day, a_minute) as cast(a_day as timestamp) + to_minutes(cast(a_minute as bigint));

-- A moment of the ten office hours, by a number in [0, 1).
create macro in_office(a_day, x) as at_minute(a_day, 480 + cast(floor(600 * x) as bigint));

-- The practice's clock: the second of the day spread over the office hours in steps of five minutes.
create macro on_clock(a_day, a_second, some_minutes) as
    at_minute(a_day, 480 + 5 * (a_second * (600 - some_minutes) // 432000));

create macro minutes_later(a_time, n) as a_time + to_minutes(cast(n as bigint));
create macro seconds_later(a_time, n) as a_time + to_seconds(cast(n as bigint));

-- Whole quarters of an hour.
create macro quarter_before(a_time) as time_bucket(interval 15 minute, a_time);
create macro quarter_after(a_time) as time_bucket(interval 15 minute, a_time + interval 899 second);

-- Payments of a weekend are posted on Monday.
create macro banking_day(a_day) as a_day + case isodow(a_day) when 6 then 2 when 7 then 1 else 0 end;

create macro cents(x) as cast(round(x, 2) as decimal(18, 2));
create macro end_at() as cast(end_date() + 1 as timestamp);

-- Synthea ends what is going on at the moment of the export: midnight, or another full hour in other time zones.
create macro is_going_on(a_start, a_stop) as
    a_stop >= end_at() or a_stop = cast(end_date() as timestamp)
    or (
        a_stop >= cast(end_date() - late_days() as timestamp)
        and a_stop - a_start >= interval 24 hour and date_trunc('hour', a_stop) = a_stop
    );

create macro is_simulated_day(a_day) as a_day >= start_date();

-- Completed years; who was born on 29 February completes them on 1 March.
create macro years_old(birth_date, a_day) as
    year(a_day) - year(birth_date)
    - case when (month(a_day), day(a_day)) < (month(birth_date), day(birth_date)) then 1 else 0 end;

-- The user of a role at an organization; some have a second one.
create macro user_of(organization_id, a_role, id) as id_of(
    'user',
    organization_id || '|' || a_role
    || case
        when u(organization_id || '|' || a_role, 'second user') < staff_second_user() and u(id, 'which user') < 0.5 then '|2'
        else '|1'
    end
);
create macro clinician_user(provider_id) as id_of('user', provider_id);

-- One or two rooms per organization, open every day: Synthea has visits on Sundays.
create macro has_second_room(organization_id) as
    u(organization_id, 'second room') < rooms_second() and u(organization_id, 'inactive room') >= rooms_inactive();

create table feed_rooms as
with numbered as (
    select id as organization_id, 1 as number, true as is_active
    from state_organizations
    union all
    select id, 2, has_second_room(id)
    from state_organizations
    where u(id, 'second room') < rooms_second()
)

select
    id_of('room', organization_id || '|' || number) as room_id,
    organization_id,
    'Room ' || number as name,
    rooms_types(u(organization_id || '|' || number, 'room type')) as room_type,
    is_active,
    '08:00' as opens,
    '18:00' as closes,
    '1234567' as weekdays,
    date '2000-01-01' as valid_from
from numbered;

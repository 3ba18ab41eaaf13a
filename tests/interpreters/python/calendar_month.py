import calendar

[
    [int(n) for n in calendar.monthrange(2024, 2)],
    calendar.isleap(1900),
    calendar.TextCalendar().formatmonth(2024, 2),
    [d.isoformat() for d in calendar.Calendar().itermonthdates(2024, 9)][:3],
    calendar.day_name[0],
]

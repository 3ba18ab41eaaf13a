from datetime import date, datetime, time, timedelta

start = datetime(2024, 2, 28, 23, 30)
[
    (start + timedelta(days=1, hours=1)).isoformat(),
    (date(2024, 12, 25) - date(2024, 2, 29)).days,
    date(2024, 1, 1).strftime("%A %d %B %Y, week %W"),
    datetime.strptime("15/03/2023 04:05:06", "%d/%m/%Y %H:%M:%S"),
    date.fromisoformat("2023-07-04").isocalendar()[1],
    timedelta(hours=36, seconds=30),
    str(timedelta(hours=36, seconds=30)),
    time(13, 5).strftime("%I:%M %p"),
    date(2024, 3, 31).replace(month=1).weekday(),
    datetime.fromtimestamp(0, tz=None).year,
]

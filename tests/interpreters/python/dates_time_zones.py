from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

utc = datetime(2024, 3, 31, 0, 30, tzinfo=timezone.utc)
paris = ZoneInfo("Europe/Paris")
out = [
    utc.astimezone(paris).isoformat(),
    (utc + timedelta(hours=1)).astimezone(paris).isoformat(),
    utc.astimezone(ZoneInfo("America/New_York")).tzname(),
    utc.astimezone(ZoneInfo("Asia/Kolkata")).strftime("%H:%M %z"),
    datetime(2024, 10, 27, 2, 30, tzinfo=paris, fold=1).utcoffset(),
    utc.timestamp(),
    utc.astimezone(timezone(timedelta(hours=-3, minutes=-30))).isoformat(),
]
try:
    ZoneInfo("Mars/Base")
except ZoneInfoNotFoundError:
    out.append("unknown")
out

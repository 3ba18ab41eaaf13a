out = []
try:
    raise ExceptionGroup("many", [ValueError(1), TypeError("t"), ExceptionGroup("inner", [ValueError(2), KeyError("k")])])
except* ValueError as group:
    out.append([str(e) for e in group.exceptions if not isinstance(e, ExceptionGroup)])
except* (TypeError, KeyError) as group:
    out.append(len(group.exceptions))
e = ValueError("noted")
e.add_note("a note")
out.append(e.__notes__)
out

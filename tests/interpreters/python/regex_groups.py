import re

text = "2024-01-15 ERROR [db] timeout after 30s; 2024-02-03 INFO [web] ok"
entries = [m.groupdict() for m in re.finditer(r"(?P<date>\d{4}-\d\d-\d\d) (?P<level>\w+) \[(?P<part>\w+)\]", text)]
[
    entries,
    re.sub(r"(\d+)-(\d+)-(\d+)", r"\3/\2/\1", text)[:10],
    re.split(r"[;,]\s*", "a;b, c"),
    re.findall(r"(?<=\[)\w+(?=\])", text),
    re.sub(r"\d+", lambda m: str(int(m[0]) * 2), "a1b22"),
    bool(re.fullmatch(r"[a-z]+", "abc")),
    re.match(r"(a)|(b)", "b").groups(),
]

import unicodedata

s = "Straße ÉCOLE ıİ 🐍 中文 e\u0301"
[
    s.upper(),
    s.casefold(),
    len("🐍"),
    "🐍".encode(),
    "中文".encode("utf-16-le"),
    unicodedata.normalize("NFC", "e\u0301") == "é",
    unicodedata.name("½"),
    unicodedata.category("A"),
    "½".isnumeric(),
    "٣".isdigit(),
    int("٣"),
    [hex(ord(c)) for c in "aé🐍"],
    "\ud800".encode("utf-8", "surrogatepass"),
    b"\xff\xfeok".decode("utf-8", "replace"),
    "naïve café".encode("ascii", "ignore"),
    "é".encode("cp1252"),
    s[::-1][:3],
    "\N{GREEK SMALL LETTER ALPHA}",
    "ß".upper(),
    "a\u2028b".splitlines(),
]

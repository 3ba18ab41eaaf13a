import collections
import difflib
import html
import re
import urllib.parse

text = "It was the best of times, it was the worst of times"
words = re.findall(r"\w+", text.lower())
[
    collections.Counter(words).most_common(3),
    list(difflib.unified_diff(["a", "b"], ["a", "c"], lineterm="")),
    round(difflib.SequenceMatcher(None, "abcd", "bcde").ratio(), 3),
    difflib.get_close_matches("appel", ["ape", "apple", "peach"]),
    html.escape("<a href='x'>&"), html.unescape("&eacute;&#39;&lt;"),
    urllib.parse.urlparse("https://u@h.com:80/p;x?q=1&q=2#f").port,
    urllib.parse.parse_qs("a=1&a=2&b=%20x"), urllib.parse.quote("a b/é"), urllib.parse.urlencode({"q": "x y", "n": 1}),
    urllib.parse.urljoin("http://a/b/c", "../d"),
    "".join(chr((ord(c) - 97 + 13) % 26 + 97) if c.isalpha() else c for c in "hello world"),
]

# verdict: error
import re

re.compile("(" * 5000 + ")" * 5000)

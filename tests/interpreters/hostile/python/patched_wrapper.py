# verdict: trap
import sandpool_guest.snippets as s
import sandpool_guest.values as v

v.encode = lambda value: 5
1

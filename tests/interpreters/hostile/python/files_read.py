# verdict: error
# error: no directory was granted
open("/etc/passwd").read()

# verdict: error
# error: MemoryError
"%1000000000d" % 1

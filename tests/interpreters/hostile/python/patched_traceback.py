# verdict: error
# error: ValueError
import linecache
import sys
import traceback

traceback.TracebackException = None
linecache.getline = None
sys.excepthook = None
raise ValueError("seen all the same")

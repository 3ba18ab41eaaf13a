# verdict: error
import signal

signal.raise_signal(signal.SIGSEGV)

# verdict: trap
import signal

signal.raise_signal(signal.SIGSEGV)

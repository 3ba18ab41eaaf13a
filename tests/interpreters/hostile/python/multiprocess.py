# verdict: error
# error: not available in this sandbox
import multiprocessing

multiprocessing.Pool(2).map(abs, [1])

# verdict: error
# error: not available in this sandbox: subprocess
import subprocess

subprocess.check_output(["id"])

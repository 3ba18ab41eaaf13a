import argparse

parser = argparse.ArgumentParser(prog="tool", exit_on_error=False)
parser.add_argument("files", nargs="*")
parser.add_argument("-n", "--number", type=int, default=1)
parser.add_argument("--flag", action="store_true")
parser.add_argument("--kind", choices=["a", "b"])
args = parser.parse_args(["x", "y", "-n", "5", "--flag", "--kind", "a"])
out = [vars(args)]
try:
    parser.parse_args(["-n", "x"])
except argparse.ArgumentError as e:
    out.append(str(e))
out

import fnmatch
import ntpath
import os.path
import shlex
from pathlib import PurePosixPath, PureWindowsPath

p = PurePosixPath("/usr/lib/python3/site.tar.gz")
[
    p.name, p.stem, p.suffixes, str(p.parent.parent), p.parts, str(p.with_suffix(".zip")), str(p.relative_to("/usr")), p.match("*.gz"),
    str(PureWindowsPath("C:/a") / "b"), os.path.join("a", "..", "b"), os.path.normpath("a/../b//c"), os.path.splitext("x.tar.gz"), ntpath.basename("c:\\d\\e"),
    fnmatch.filter(["a.py", "b.txt", "c.py"], "*.py"), shlex.split("run 'two words' --x=\"y z\""), shlex.quote("it's"), os.path.commonpath(["/a/b", "/a/c"]),
]

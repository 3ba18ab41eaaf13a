import configparser
import io
import tomllib

ini = configparser.ConfigParser()
ini.read_string("[db]\nhost = h\nport = 5\nurl = %(host)s:%(port)s\n[flags]\non = yes\n")
[
    ini["db"]["url"], ini.getboolean("flags", "on"), ini.sections(),
    tomllib.loads('a = 1\n[t]\nd = 2024-01-02\nl = ["x", "y"]\n[[p]]\nn = 1.5\n'),
]

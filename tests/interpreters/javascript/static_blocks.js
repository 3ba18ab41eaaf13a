class Config {
  static defaults = {};
  static { for (const k of ["a", "b"]) Config.defaults[k] = k.toUpperCase(); }
  static accessor = 1;
  ["computed" + 1]() { return 42; }
}
[Config.defaults, Config.accessor, new Config().computed1()];

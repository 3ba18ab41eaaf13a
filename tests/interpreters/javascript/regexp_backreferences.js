[
  /(["'])(.*?)\1/.exec(`say "it's" now`)[2], "aabbccd".replace(/(.)\1/g, "<$1>"), /\b(\w+) \1\b/.test("the the end"),
  "x-y_z".replace(/[-_](\w)/g, (_, c) => c.toUpperCase()), "abc".replace(/(?:)/g, "-"), "aaa".lastIndexOf("a"),
  "2+2=4".replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "test".replace("t", "$$"),
];

const sticky = /foo/y;
sticky.lastIndex = 3;
[
  sticky.test("barfoo"), sticky.lastIndex,
  "a\nb\nc".match(/^.$/gm).length, /a.c/s.test("a\nc"), "😀x".match(/./u)[0].length, /\p{Lu}/u.test("É"),
  /(\d)(\d)?/d.exec("x1").indices[1], /[\p{L}--[a-c]]/v.test("a"), new RegExp("a/b", "gi").toString(), /x/gi.flags,
];

[
  "abc".padStart(6, "12"), "abc".at(-1), "a-b-c".replaceAll("-", "+"), " x ".trim() + "|" + " x ".trimEnd(), "abcabc".indexOf("c", 3),
  "straße".toUpperCase(), "İ".toLowerCase().length, "ß".localeCompare === undefined, "abc".codePointAt(1), String.fromCodePoint(128512, 65),
  "é".normalize("NFD").length, "😀".length, [..."😀é"].length, "a,b,,c".split(",", 3), "".split(","), "".split(""), "abc".substring(2, 0), "abc".substr(-2, 1),
  "abc".slice(-2), "x".repeat(3), "b" > "a", "10" < "9", "Z" < "a", "\ud800x".isWellFormed(), "\ud800x".toWellFormed().charCodeAt(0), String.raw`a\n${1}`,
];

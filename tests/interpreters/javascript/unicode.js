const s = "naïve café 日本語 👩‍👩‍👧 Ünï";
[s.length, [...s].length, s.normalize("NFD").replace(/\p{M}/gu, ""), encodeURIComponent("é&日"), decodeURIComponent("%F0%9F%98%80"), escape("ü€"), unescape("%u20AC"), "\u{1F600}".charCodeAt(1), "ﬁ".toUpperCase(), "ΑΣ".toLowerCase(), /^\p{Script=Han}+$/u.test("日本語"), "a\u0301" === "á", "a\u0301".normalize() === "á"];

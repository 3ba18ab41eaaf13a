const palindrome = (s) => { const t = s.toLowerCase().replace(/[^a-z0-9]/g, ""); return t === [...t].reverse().join(""); };
const caesar = (s, k) => s.replace(/[a-z]/gi, (c) => { const b = c <= "Z" ? 65 : 97; return String.fromCharCode(((c.charCodeAt(0) - b + k + 26) % 26) + b); });
const roman = (n) => [[1000, "M"], [900, "CM"], [500, "D"], [400, "CD"], [100, "C"], [90, "XC"], [50, "L"], [40, "XL"], [10, "X"], [9, "IX"], [5, "V"], [4, "IV"], [1, "I"]].reduce((s, [v, r]) => { while (n >= v) { s += r; n -= v; } return s; }, "");
const rle = (s) => s.replace(/(.)\1*/g, (m, c) => (m.length > 1 ? m.length : "") + c);
const camel = (s) => s.replace(/[-_\s]+(.)/g, (_, c) => c.toUpperCase());
[palindrome("A man, a plan, a canal: Panama"), caesar("Hello, Zoe!", 3), caesar(caesar("abc", 5), -5), roman(1994), rle("aaabccd"), camel("foo-bar_baz qux")];

const key = { k: 1 };
const m = new Map([[NaN, "nan"], [0, "zero"], ["0", "text"], [key, "object"], [undefined, "undefined"]]);
[m.get(NaN), m.get(-0), m.get("0"), m.get(key), m.get({ k: 1 }) ?? "missing", m.get(undefined), m.size];

// verdict: ok
// value: ["RangeError","RangeError","RangeError","RangeError","RangeError","RangeError","RangeError"]
[() => (1).toLocaleString("de"), () => (1).toLocaleString("en-US", { style: "percent" }), () => new Date(0).toLocaleDateString("fr"), () => new Date(0).toLocaleTimeString(undefined, { timeZone: "Asia/Tokyo" }), () => "a".localeCompare("b", "sv"), () => "i".toLocaleUpperCase("tr"), () => [1].toLocaleString("de")].map((f) => { try { return f(); } catch (e) { return e.name; } });

const rows = [["bob", 25, 1.5], ["alice", 30, 2.5], ["carol", 25, 0.5], ["dave", 30, 2.5]];
const by = (...fs) => (a, b) => { for (const f of fs) { const x = f(a), y = f(b); if (x < y) return -1; if (x > y) return 1; } return 0; };
[rows.toSorted(by((r) => -r[1], (r) => r[0])).map((r) => r[0]), rows.toSorted(by((r) => r[2])).map((r) => r[0]), rows.toSorted((a, b) => b[1] - a[1]).map((r) => r[0]), ["b", "a", "C", "á"].sort(), [true, false].sort(), [undefined, 3, null, 1].sort()];

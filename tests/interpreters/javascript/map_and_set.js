const words = "the quick brown the lazy dog the end quick".split(" ");
const counts = new Map();
for (const w of words) counts.set(w, (counts.get(w) ?? 0) + 1);
const top = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, 3);
({ counts, unique: new Set(words), top, has: counts.has("fox"), size: counts.size });

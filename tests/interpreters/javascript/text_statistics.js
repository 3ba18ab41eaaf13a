const text = "It was the best of times, it was the worst of times, it was the age of wisdom...";
const words = text.toLowerCase().match(/[a-z]+/g);
const freq = words.reduce((m, w) => ((m[w] = (m[w] || 0) + 1), m), {});
({ words: words.length, unique: Object.keys(freq).length, top: Object.entries(freq).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).slice(0, 4), longest: words.reduce((a, b) => (b.length > a.length ? b : a)), caps: text.replace(/\b\w/g, (c) => c.toUpperCase()) });

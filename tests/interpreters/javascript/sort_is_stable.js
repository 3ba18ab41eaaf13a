const items = Array.from({ length: 500 }, (_, i) => ({ k: (i * 7919) % 10, i }));
items.sort((a, b) => a.k - b.k);
items.every((x, j) => j === 0 || items[j - 1].k < x.k || (items[j - 1].k === x.k && items[j - 1].i < x.i));

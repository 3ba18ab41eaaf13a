const h = [1, , 3];
[h.length, 1 in h, h.map((x) => x * 2).length, Object.keys(h), h.forEach.length, h.indexOf(undefined), h.includes(undefined), h.join("-"), [...h], h.flat(), Array.from(h), h.findIndex((x) => x === undefined)];

const a = [5, 1, 4, 2, 3];
[
  a.toSorted((x, y) => x - y), a.toReversed(), a.with(0, 9), a.toSpliced(1, 2, "x"), a.findLast((x) => x > 2), a.findLastIndex((x) => x === 1), a.at(-2),
  a.flatMap((x) => (x % 2 ? [x, x] : [])), [[1, [2, [3, [4]]]]].flat(2), a.includes(4), a.indexOf(9), a.reduce((s, x) => s + x), a.reduceRight((s, x) => s + x, ""), Array.from({ length: 3 }, (_, i) => i * i),
  Array.of(7), [1, 2, 3].fill(0, 1), [1, 2, 3, 4, 5].copyWithin(0, 3), a.some((x) => x > 4), a.every((x) => x > 1), a.entries().next().value, [..."ab"].keys().next(), [3, 2, 1].sort(), [10, 9, 1].sort(), [, 1].length, a,
];

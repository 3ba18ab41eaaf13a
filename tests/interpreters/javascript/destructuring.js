const data = { id: 7, user: { name: "Ann", tags: ["x", "y", "z"] }, extra: 1, more: 2 };
const { id, user: { name: who, tags: [first, , third = "none", fourth = "default"] }, ...rest } = data;
const swap = ([a, b]) => [b, a];
const f = ({ a = 1, b: { c = 2 } = {} } = {}, ...others) => [a, c, others.length];
({ id, who, first, third, fourth, rest, swapped: swap([1, 2]), f: [f(), f({ a: 5 }, 1, 2), f({ b: { c: 9 } })] });

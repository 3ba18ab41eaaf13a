// verdict: ok
// value: [[["20",["A","C"]],["30",["B"]]],[["young",2],["old",1]]]
const people = [{ n: "A", age: 20 }, { n: "B", age: 30 }, { n: "C", age: 20 }];
const g = Object.groupBy(people, (p) => p.age);
const m = Map.groupBy(people, (p) => (p.age > 25 ? "old" : "young"));
[Object.entries(g).map(([k, v]) => [k, v.map((p) => p.n)]), [...m].map(([k, v]) => [k, v.length])];

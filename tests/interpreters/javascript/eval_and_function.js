var x = 10;
const add = new Function("a", "b", "return a + b");
const geval = eval;
[add(2, 3), eval("x + 1"), geval("typeof x"), add.length, add.name, new Function("return this")() === globalThis, (() => { const y = 5; return eval("y * 2"); })()];

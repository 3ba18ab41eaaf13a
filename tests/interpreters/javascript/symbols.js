const s = Symbol("desc");
const o = { [s]: 1, visible: 2, [Symbol.for("shared")]: 3 };
[s.description, s.toString(), Object.keys(o), Object.getOwnPropertySymbols(o).length, Symbol.for("shared") === Symbol.for("shared"), Symbol.keyFor(Symbol.for("shared")), JSON.stringify(o), typeof s, o[s]];

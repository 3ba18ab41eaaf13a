// verdict: ok
// value: ["import x from 'y'","export"]
const a = "import x from 'y'", b = `export`, r = /import .* from "z"/;
/* import q from "q" */
// import w from "w"
const o = { import: 1, export: 2 };
o.import; o.export;
[a, b];

console.log("a line", 1, { a: [1, 2] });
console.error("to stderr");
console.info("%s is %d years", "Bob", 42);
console.table?.([{ a: 1 }]);
"done";

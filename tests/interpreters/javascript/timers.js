const log = [];
const id = setInterval(() => { log.push("tick"); if (log.length >= 3) clearInterval(id); }, 1);
const never = setTimeout(() => log.push("never"), 350);
clearTimeout(never);
setTimeout((a, b) => log.push(a + b), 300, "x", "y");
setTimeout(() => log.push("late"), 400);
new Promise((r) => setTimeout(r, 500, log));

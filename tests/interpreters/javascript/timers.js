const log = [];
const id = setInterval(() => { log.push("tick"); if (log.length >= 3) clearInterval(id); }, 1);
const never = setTimeout(() => log.push("never"), 50);
clearTimeout(never);
setTimeout((a, b) => log.push(a + b), 20, "x", "y");
setTimeout(() => log.push("late"), 40);
new Promise((r) => setTimeout(r, 60, log));

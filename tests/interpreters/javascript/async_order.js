const log = [];
async function a() { log.push("a1"); await null; log.push("a2"); }
setTimeout(() => log.push("timeout"), 0);
Promise.resolve().then(() => log.push("then1")).then(() => log.push("then2"));
queueMicrotask(() => log.push("micro"));
a();
log.push("sync");
new Promise((r) => setTimeout(() => r(log), 5));

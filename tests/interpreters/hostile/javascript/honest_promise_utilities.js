// verdict: ok
// value: ["done","try 3",[1,4,9,16],"thenable"]
const { promise, resolve } = Promise.withResolvers();
setTimeout(resolve, 1, "done");
const retry = async (f, n) => { for (let i = 1; ; i++) try { return await f(i); } catch (e) { if (i >= n) throw e; } };
const pool = async (jobs, k) => { const out = []; let next = 0; await Promise.all(Array.from({ length: k }, async () => { while (next < jobs.length) { const i = next++; out[i] = await jobs[i](); } })); return out; };
Promise.all([promise, retry(async (i) => { if (i < 3) throw new Error(); return `try ${i}`; }, 5), pool([1, 2, 3, 4].map((x) => async () => x * x), 2), { then: (r) => r("thenable") }]);

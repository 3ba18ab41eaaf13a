const sleep = (ms, v) => new Promise((r) => setTimeout(r, ms, v));
async function work(id) { await sleep(5 * (3 - id)); return id * 10; }
async function main() {
  const all = await Promise.all([work(0), work(1), work(2)]);
  const race = await Promise.race([sleep(30, "slow"), sleep(1, "fast")]);
  const settled = await Promise.allSettled([work(1), Promise.reject(new Error("no"))]);
  return { all, race, settled: settled.map((s) => s.status + ":" + (s.value ?? s.reason.message)) };
}
main();

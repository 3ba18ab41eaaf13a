const graph = { A: { B: 1, C: 4 }, B: { C: 2, D: 5 }, C: { D: 1 }, D: {} };
function dijkstra(from) {
  const dist = Object.fromEntries(Object.keys(graph).map((k) => [k, Infinity]));
  dist[from] = 0;
  const queue = [[0, from]];
  while (queue.length) {
    queue.sort((a, b) => a[0] - b[0]);
    const [d, u] = queue.shift();
    if (d > dist[u]) continue;
    for (const [v, w] of Object.entries(graph[u])) if (d + w < dist[v]) { dist[v] = d + w; queue.push([dist[v], v]); }
  }
  return dist;
}
const topo = (deps) => { const out = [], seen = new Set(); const visit = (n) => { if (seen.has(n)) return; seen.add(n); (deps[n] ?? []).forEach(visit); out.push(n); }; Object.keys(deps).forEach(visit); return out; };
[dijkstra("A"), topo({ app: ["lib", "log"], lib: ["core"], log: ["core"], core: [] })];
